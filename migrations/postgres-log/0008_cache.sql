ALTER TABLE "usage_hourly" ADD COLUMN "response_hits" bigint;--> statement-breakpoint
ALTER TABLE "usage_hourly" ADD COLUMN "saved_nano_usd" bigint;