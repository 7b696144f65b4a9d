ALTER TABLE `usage_hourly` ADD `response_hits` integer;--> statement-breakpoint
ALTER TABLE `usage_hourly` ADD `saved_nano_usd` integer;