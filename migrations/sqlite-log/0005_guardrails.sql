ALTER TABLE `requests` ADD `guardrails` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `cache` text;