CREATE TABLE `once_answers` (
	`name` text PRIMARY KEY NOT NULL,
	`asked` text NOT NULL,
	`status` integer,
	`sealed_answer` text,
	`created_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `once_answers_age` ON `once_answers` (`created_ms`);