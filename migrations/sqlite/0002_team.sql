CREATE TABLE `assignments` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`role_id` text NOT NULL,
	`assignee_kind` text NOT NULL,
	`assignee_id` text NOT NULL,
	`scope` text NOT NULL,
	`effect` text NOT NULL,
	`created_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `assignments_same` ON `assignments` (`tenant_id`,`role_id`,`assignee_kind`,`assignee_id`,`scope`,`effect`);--> statement-breakpoint
CREATE TABLE `audit` (
	`sequence` integer PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`timestamp_ms` integer NOT NULL,
	`actor_kind` text NOT NULL,
	`actor_id` text NOT NULL,
	`actor_name` text,
	`actor_tenant_id` text,
	`from_address` text,
	`request_id` text,
	`action` text NOT NULL,
	`target_kind` text NOT NULL,
	`target_id` text NOT NULL,
	`before` text,
	`after` text,
	`hash` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_tenant` ON `audit` (`tenant_id`,`sequence`);--> statement-breakpoint
CREATE INDEX `audit_time` ON `audit` (`timestamp_ms`);--> statement-breakpoint
CREATE TABLE `budget_rules` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`rule` text NOT NULL,
	`sealed_webhook_url` text,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE TABLE `data_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`purpose` text NOT NULL,
	`master_key_id` text NOT NULL,
	`wrapped` text NOT NULL,
	`created_ms` integer NOT NULL,
	`retired_ms` integer
);
--> statement-breakpoint
CREATE TABLE `groups` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`name` text NOT NULL,
	`external` text,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE TABLE `limit_rules` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`rule` text NOT NULL,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE TABLE `login_attempts` (
	`state_hash` text PRIMARY KEY NOT NULL,
	`issuer` text NOT NULL,
	`browser_hash` text NOT NULL,
	`sealed_proof` text NOT NULL,
	`return_to` text NOT NULL,
	`expires_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `login_attempts_end` ON `login_attempts` (`expires_ms`);--> statement-breakpoint
CREATE TABLE `memberships` (
	`tenant_id` text NOT NULL,
	`kind` text NOT NULL,
	`id` text NOT NULL,
	`user_id` text NOT NULL,
	`created_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `kind`, `id`, `user_id`),
	FOREIGN KEY (`tenant_id`,`user_id`) REFERENCES `users`(`tenant_id`,`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `roles` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`actions` text NOT NULL,
	`not_actions` text NOT NULL,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE TABLE `services` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`name` text NOT NULL,
	`issuer` text,
	`client_id` text,
	`status` text NOT NULL,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `services_client` ON `services` (`issuer`,`client_id`);--> statement-breakpoint
CREATE TABLE `sessions` (
	`id_hash` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`user_id` text NOT NULL,
	`issuer` text NOT NULL,
	`issuer_session_id` text,
	`claimed` text NOT NULL,
	`sealed_tokens` text,
	`user_agent` text,
	`from_address` text,
	`created_ms` integer NOT NULL,
	`last_seen_ms` integer NOT NULL,
	`expires_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `sessions_user` ON `sessions` (`tenant_id`,`user_id`);--> statement-breakpoint
CREATE INDEX `sessions_issuer` ON `sessions` (`issuer`,`issuer_session_id`);--> statement-breakpoint
CREATE INDEX `sessions_end` ON `sessions` (`expires_ms`);--> statement-breakpoint
CREATE TABLE `teams` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`name` text NOT NULL,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE TABLE `tenants` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`status` text NOT NULL,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `used_once` (
	`kind` text NOT NULL,
	`id` text NOT NULL,
	`expires_ms` integer NOT NULL,
	PRIMARY KEY(`kind`, `id`)
);
--> statement-breakpoint
CREATE TABLE `users` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`issuer` text NOT NULL,
	`subject` text NOT NULL,
	`name` text,
	`email` text,
	`password_hash` text,
	`claimed` text,
	`status` text NOT NULL,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	`last_login_ms` integer,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `users_subject` ON `users` (`issuer`,`subject`);--> statement-breakpoint
ALTER TABLE `api_keys` ADD `disabled` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `owner` text;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `actions` text;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `allowed_from` text;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `own` text;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `replaced_by` text;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `updated_ms` integer;--> statement-breakpoint
ALTER TABLE `models` ADD `access` text;--> statement-breakpoint
ALTER TABLE `models` ADD `price_changes` text;