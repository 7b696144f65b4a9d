CREATE TABLE `provider_models` (
	`tenant_id` text NOT NULL,
	`provider_id` text NOT NULL,
	`model` text NOT NULL,
	`state` text NOT NULL,
	`facts` text NOT NULL,
	`first_seen_ms` integer NOT NULL,
	`last_seen_ms` integer NOT NULL,
	`gone_ms` integer,
	PRIMARY KEY(`tenant_id`, `provider_id`, `model`)
);
--> statement-breakpoint
ALTER TABLE `api_keys` ADD `roles` text;--> statement-breakpoint
ALTER TABLE `models` ADD `routing` text;--> statement-breakpoint
ALTER TABLE `provider_keys` ADD `draining` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `providers` ADD `options` text;--> statement-breakpoint
ALTER TABLE `providers` ADD `sealed_secrets` text;--> statement-breakpoint
ALTER TABLE `targets` ADD `tags` text;--> statement-breakpoint
ALTER TABLE `targets` ADD `abilities` text;