CREATE TABLE "provider_models" (
	"tenant_id" text NOT NULL,
	"provider_id" text NOT NULL,
	"model" text NOT NULL,
	"state" text NOT NULL,
	"facts" jsonb NOT NULL,
	"first_seen_ms" bigint NOT NULL,
	"last_seen_ms" bigint NOT NULL,
	"gone_ms" bigint,
	CONSTRAINT "provider_models_tenant_id_provider_id_model_pk" PRIMARY KEY("tenant_id","provider_id","model")
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "roles" jsonb;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "routing" jsonb;--> statement-breakpoint
ALTER TABLE "provider_keys" ADD COLUMN "draining" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "providers" ADD COLUMN "options" jsonb;--> statement-breakpoint
ALTER TABLE "providers" ADD COLUMN "sealed_secrets" text;--> statement-breakpoint
ALTER TABLE "targets" ADD COLUMN "tags" jsonb;--> statement-breakpoint
ALTER TABLE "targets" ADD COLUMN "abilities" jsonb;