ALTER TABLE "requests" ADD COLUMN "guardrails" jsonb;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "cache" jsonb;