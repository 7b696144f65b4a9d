ALTER TABLE `kept` ADD `seal_key_id` text;--> statement-breakpoint
CREATE INDEX `kept_seal` ON `kept` (`seal_key_id`);