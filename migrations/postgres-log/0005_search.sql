ALTER TABLE "request_bodies" ADD COLUMN "provider_request_body" text;--> statement-breakpoint
ALTER TABLE "request_bodies" ADD COLUMN "provider_response_body" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "queued_ms" bigint;--> statement-breakpoint
ALTER TABLE "usage_hourly" ADD COLUMN "server_errors" bigint;--> statement-breakpoint
ALTER TABLE "usage_hourly" ADD COLUMN "fallbacks" bigint;--> statement-breakpoint
ALTER TABLE "usage_hourly" ADD COLUMN "cache_hits" bigint;--> statement-breakpoint
ALTER TABLE "usage_hourly" ADD COLUMN "first_token_ms" bigint;--> statement-breakpoint
ALTER TABLE "usage_hourly" ADD COLUMN "first_token_requests" bigint;