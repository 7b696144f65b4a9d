ALTER TABLE `request_bodies` ADD `provider_request_body` text;--> statement-breakpoint
ALTER TABLE `request_bodies` ADD `provider_response_body` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `queued_ms` integer;--> statement-breakpoint
ALTER TABLE `usage_hourly` ADD `server_errors` integer;--> statement-breakpoint
ALTER TABLE `usage_hourly` ADD `fallbacks` integer;--> statement-breakpoint
ALTER TABLE `usage_hourly` ADD `cache_hits` integer;--> statement-breakpoint
ALTER TABLE `usage_hourly` ADD `first_token_ms` integer;--> statement-breakpoint
ALTER TABLE `usage_hourly` ADD `first_token_requests` integer;