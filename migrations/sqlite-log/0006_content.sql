CREATE TABLE `content_objects` (
	`object_key` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`sequence` integer NOT NULL,
	`timestamp_ms` integer NOT NULL,
	`bytes` integer NOT NULL,
	`state` text NOT NULL,
	`tries` integer NOT NULL,
	`due_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `content_objects_sequence` ON `content_objects` (`sequence`);--> statement-breakpoint
CREATE INDEX `content_objects_due` ON `content_objects` (`state`,`due_ms`);--> statement-breakpoint
ALTER TABLE `request_bodies` ADD `packed` blob;--> statement-breakpoint
ALTER TABLE `request_bodies` ADD `object_key` text;