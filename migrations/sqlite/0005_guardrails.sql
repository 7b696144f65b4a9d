CREATE TABLE `flag_rules` (
	`tenant_id` text NOT NULL,
	`flag` text NOT NULL,
	`rule` text NOT NULL,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `flag`)
);
--> statement-breakpoint
CREATE TABLE `guardrail_rules` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`position` integer NOT NULL,
	`rule` text NOT NULL,
	`sealed_secrets` text,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
