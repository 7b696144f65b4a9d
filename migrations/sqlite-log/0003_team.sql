CREATE TABLE `budget_leases` (
	`replica_id` text NOT NULL,
	`tenant_id` text NOT NULL,
	`rule_id` text NOT NULL,
	`subject` text NOT NULL,
	`start_ms` integer NOT NULL,
	`leased_nano_usd` integer NOT NULL,
	`held_nano_usd` integer NOT NULL,
	`expires_ms` integer NOT NULL,
	PRIMARY KEY(`replica_id`, `tenant_id`, `rule_id`, `subject`, `start_ms`)
);
--> statement-breakpoint
CREATE INDEX `budget_leases_end` ON `budget_leases` (`expires_ms`);--> statement-breakpoint
CREATE TABLE `budget_windows` (
	`tenant_id` text NOT NULL,
	`rule_id` text NOT NULL,
	`subject` text NOT NULL,
	`start_ms` integer NOT NULL,
	`end_ms` integer,
	`spent_nano_usd` integer NOT NULL,
	`leased_nano_usd` integer NOT NULL,
	`alerted` text NOT NULL,
	`updated_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `rule_id`, `subject`, `start_ms`)
);
--> statement-breakpoint
CREATE INDEX `budget_windows_end` ON `budget_windows` (`end_ms`);--> statement-breakpoint
CREATE TABLE `key_uses` (
	`tenant_id` text NOT NULL,
	`key_id` text NOT NULL,
	`last_used_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `key_id`)
);
--> statement-breakpoint
CREATE TABLE `usage_hourly` (
	`hour_ms` integer NOT NULL,
	`tenant_id` text NOT NULL,
	`team_id` text NOT NULL,
	`user_id` text NOT NULL,
	`service_id` text NOT NULL,
	`key_id` text NOT NULL,
	`model` text NOT NULL,
	`provider_id` text NOT NULL,
	`provider_model` text NOT NULL,
	`operation` text NOT NULL,
	`requests` integer NOT NULL,
	`errors` integer NOT NULL,
	`input_tokens` integer NOT NULL,
	`cache_read_tokens` integer NOT NULL,
	`cache_write_5m_tokens` integer NOT NULL,
	`cache_write_1h_tokens` integer NOT NULL,
	`output_tokens` integer NOT NULL,
	`reasoning_tokens` integer NOT NULL,
	`input_audio_tokens` integer NOT NULL,
	`output_audio_tokens` integer NOT NULL,
	`cost_nano_usd` integer NOT NULL,
	`unpriced_requests` integer NOT NULL,
	`estimated_requests` integer NOT NULL,
	`total_ms` integer NOT NULL,
	PRIMARY KEY(`hour_ms`, `tenant_id`, `team_id`, `user_id`, `service_id`, `key_id`, `model`, `provider_id`, `provider_model`, `operation`)
);
--> statement-breakpoint
CREATE INDEX `usage_hourly_tenant` ON `usage_hourly` (`tenant_id`,`hour_ms`);--> statement-breakpoint
ALTER TABLE `request_bodies` ADD `timestamp_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `requests` ADD `user_id` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `team_id` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `service_id` text;