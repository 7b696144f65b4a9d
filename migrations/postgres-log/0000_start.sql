CREATE TABLE "request_bodies" (
	"sequence" bigint NOT NULL,
	"tenant_id" text NOT NULL,
	"request_body" text,
	"response_body" text,
	CONSTRAINT "request_bodies_sequence_pk" PRIMARY KEY("sequence")
);
--> statement-breakpoint
CREATE TABLE "requests" (
	"sequence" bigserial PRIMARY KEY NOT NULL,
	"log_id" text NOT NULL,
	"log_ms" bigint NOT NULL,
	"timestamp_ms" bigint NOT NULL,
	"tenant_id" text NOT NULL,
	"request_id" text NOT NULL,
	"trace_id" text,
	"direction" text NOT NULL,
	"api_key_hash" text,
	"api_key_id" text,
	"endpoint" text NOT NULL,
	"client_format" text NOT NULL,
	"operation" text NOT NULL,
	"stream" boolean NOT NULL,
	"status" integer NOT NULL,
	"error_kind" text,
	"error_text" text,
	"model_requested" text,
	"model_resolved" text,
	"provider_id" text,
	"mode" text,
	"finish" text,
	"input_tokens" bigint,
	"cache_read_tokens" bigint,
	"cache_write_5m_tokens" bigint,
	"cache_write_1h_tokens" bigint,
	"output_tokens" bigint,
	"reasoning_tokens" bigint,
	"input_audio_tokens" bigint,
	"output_audio_tokens" bigint,
	"usage_estimated" boolean,
	"cost_nano_usd" bigint,
	"losses" jsonb NOT NULL,
	"attempts" jsonb NOT NULL,
	"total_ms" bigint NOT NULL,
	"provider_ms" bigint,
	"first_token_ms" bigint,
	"request_bytes" bigint NOT NULL,
	"response_bytes" bigint NOT NULL,
	"user_agent" text
);
--> statement-breakpoint
ALTER TABLE "request_bodies" ADD CONSTRAINT "request_bodies_sequence_requests_sequence_fk" FOREIGN KEY ("sequence") REFERENCES "public"."requests"("sequence") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "requests_tenant_time" ON "requests" USING btree ("tenant_id","timestamp_ms");--> statement-breakpoint
CREATE INDEX "requests_log_ms" ON "requests" USING btree ("log_ms");