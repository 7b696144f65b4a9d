CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`name` text NOT NULL,
	`hash` text NOT NULL,
	`prefix` text NOT NULL,
	`last_four` text NOT NULL,
	`created_ms` integer NOT NULL,
	`expires_ms` integer,
	`revoked_ms` integer,
	`models` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_hash` ON `api_keys` (`hash`);--> statement-breakpoint
CREATE INDEX `api_keys_tenant` ON `api_keys` (`tenant_id`,`created_ms`);--> statement-breakpoint
CREATE TABLE `models` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`defaults` text NOT NULL,
	`losses` text NOT NULL,
	`context_window` integer,
	`price` text,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE TABLE `provider_keys` (
	`tenant_id` text NOT NULL,
	`provider_id` text NOT NULL,
	`id` text NOT NULL,
	`position` integer NOT NULL,
	`sealed_secret` text NOT NULL,
	`last_four` text NOT NULL,
	`created_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `provider_id`, `id`),
	FOREIGN KEY (`tenant_id`,`provider_id`) REFERENCES `providers`(`tenant_id`,`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `providers` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`type` text NOT NULL,
	`base_url` text NOT NULL,
	`compatible` text,
	`api_version` text,
	`timeouts` text NOT NULL,
	`retries` text NOT NULL,
	`network` text NOT NULL,
	`sealed_proxy` text,
	`sealed_headers` text,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE TABLE `settings` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `targets` (
	`tenant_id` text NOT NULL,
	`model_id` text NOT NULL,
	`position` integer NOT NULL,
	`provider_id` text NOT NULL,
	`model` text NOT NULL,
	`try_order` integer NOT NULL,
	`weight` real NOT NULL,
	PRIMARY KEY(`tenant_id`, `model_id`, `position`),
	FOREIGN KEY (`tenant_id`,`model_id`) REFERENCES `models`(`tenant_id`,`id`) ON UPDATE no action ON DELETE cascade
);
