CREATE TABLE `content_rules` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`rule` text NOT NULL,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE TABLE `erasures` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`erasure` text NOT NULL,
	`changes` integer NOT NULL,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL,
	`finished_ms` integer,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE TABLE `holds` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`hold` text NOT NULL,
	`created_ms` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
