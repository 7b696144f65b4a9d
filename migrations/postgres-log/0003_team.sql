CREATE TABLE "budget_leases" (
	"replica_id" text NOT NULL,
	"tenant_id" text NOT NULL,
	"rule_id" text NOT NULL,
	"subject" text NOT NULL,
	"start_ms" bigint NOT NULL,
	"leased_nano_usd" bigint NOT NULL,
	"held_nano_usd" bigint NOT NULL,
	"expires_ms" bigint NOT NULL,
	CONSTRAINT "budget_leases_replica_id_tenant_id_rule_id_subject_start_ms_pk" PRIMARY KEY("replica_id","tenant_id","rule_id","subject","start_ms")
);
--> statement-breakpoint
CREATE TABLE "budget_windows" (
	"tenant_id" text NOT NULL,
	"rule_id" text NOT NULL,
	"subject" text NOT NULL,
	"start_ms" bigint NOT NULL,
	"end_ms" bigint,
	"spent_nano_usd" bigint NOT NULL,
	"leased_nano_usd" bigint NOT NULL,
	"alerted" jsonb NOT NULL,
	"updated_ms" bigint NOT NULL,
	CONSTRAINT "budget_windows_tenant_id_rule_id_subject_start_ms_pk" PRIMARY KEY("tenant_id","rule_id","subject","start_ms")
);
--> statement-breakpoint
CREATE TABLE "key_uses" (
	"tenant_id" text NOT NULL,
	"key_id" text NOT NULL,
	"last_used_ms" bigint NOT NULL,
	CONSTRAINT "key_uses_tenant_id_key_id_pk" PRIMARY KEY("tenant_id","key_id")
);
--> statement-breakpoint
CREATE TABLE "usage_hourly" (
	"hour_ms" bigint NOT NULL,
	"tenant_id" text NOT NULL,
	"team_id" text NOT NULL,
	"user_id" text NOT NULL,
	"service_id" text NOT NULL,
	"key_id" text NOT NULL,
	"model" text NOT NULL,
	"provider_id" text NOT NULL,
	"provider_model" text NOT NULL,
	"operation" text NOT NULL,
	"requests" bigint NOT NULL,
	"errors" bigint NOT NULL,
	"input_tokens" bigint NOT NULL,
	"cache_read_tokens" bigint NOT NULL,
	"cache_write_5m_tokens" bigint NOT NULL,
	"cache_write_1h_tokens" bigint NOT NULL,
	"output_tokens" bigint NOT NULL,
	"reasoning_tokens" bigint NOT NULL,
	"input_audio_tokens" bigint NOT NULL,
	"output_audio_tokens" bigint NOT NULL,
	"cost_nano_usd" bigint NOT NULL,
	"unpriced_requests" bigint NOT NULL,
	"estimated_requests" bigint NOT NULL,
	"total_ms" bigint NOT NULL,
	CONSTRAINT "usage_hourly_pk" PRIMARY KEY("hour_ms","tenant_id","team_id","user_id","service_id","key_id","model","provider_id","provider_model","operation")
);
--> statement-breakpoint
ALTER TABLE "request_bodies" ADD COLUMN "timestamp_ms" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "user_id" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "team_id" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "service_id" text;--> statement-breakpoint
CREATE INDEX "budget_leases_end" ON "budget_leases" USING btree ("expires_ms");--> statement-breakpoint
CREATE INDEX "budget_windows_end" ON "budget_windows" USING btree ("end_ms");--> statement-breakpoint
CREATE INDEX "usage_hourly_tenant" ON "usage_hourly" USING btree ("tenant_id","hour_ms");