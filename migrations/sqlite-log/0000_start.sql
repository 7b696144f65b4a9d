CREATE TABLE `request_bodies` (
	`sequence` integer PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`request_body` text,
	`response_body` text,
	FOREIGN KEY (`sequence`) REFERENCES `requests`(`sequence`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `requests` (
	`sequence` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`log_id` text NOT NULL,
	`log_ms` integer NOT NULL,
	`timestamp_ms` integer NOT NULL,
	`tenant_id` text NOT NULL,
	`request_id` text NOT NULL,
	`trace_id` text,
	`direction` text NOT NULL,
	`api_key_hash` text,
	`api_key_id` text,
	`endpoint` text NOT NULL,
	`client_format` text NOT NULL,
	`operation` text NOT NULL,
	`stream` integer NOT NULL,
	`status` integer NOT NULL,
	`error_kind` text,
	`error_text` text,
	`model_requested` text,
	`model_resolved` text,
	`provider_id` text,
	`mode` text,
	`finish` text,
	`input_tokens` integer,
	`cache_read_tokens` integer,
	`cache_write_5m_tokens` integer,
	`cache_write_1h_tokens` integer,
	`output_tokens` integer,
	`reasoning_tokens` integer,
	`input_audio_tokens` integer,
	`output_audio_tokens` integer,
	`usage_estimated` integer,
	`cost_nano_usd` integer,
	`losses` text NOT NULL,
	`attempts` text NOT NULL,
	`total_ms` integer NOT NULL,
	`provider_ms` integer,
	`first_token_ms` integer,
	`request_bytes` integer NOT NULL,
	`response_bytes` integer NOT NULL,
	`user_agent` text
);
--> statement-breakpoint
CREATE INDEX `requests_time` ON `requests` (`timestamp_ms`);--> statement-breakpoint
CREATE INDEX `requests_log_ms` ON `requests` (`log_ms`);