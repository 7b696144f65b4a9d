CREATE TABLE `audit_content` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`log_id` text NOT NULL,
	`user_id` text,
	`key_id` text,
	`timestamp_ms` integer NOT NULL,
	`nonce` text NOT NULL,
	`sealed_excerpt` text NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE INDEX `audit_content_timestamp_ms` ON `audit_content` (`timestamp_ms`);--> statement-breakpoint
CREATE INDEX `audit_content_user_id` ON `audit_content` (`tenant_id`,`user_id`);--> statement-breakpoint
CREATE INDEX `audit_content_key_id` ON `audit_content` (`tenant_id`,`key_id`);