CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"name" text NOT NULL,
	"hash" text NOT NULL,
	"prefix" text NOT NULL,
	"last_four" text NOT NULL,
	"created_ms" bigint NOT NULL,
	"expires_ms" bigint,
	"revoked_ms" bigint,
	"models" jsonb
);
--> statement-breakpoint
CREATE TABLE "models" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"defaults" jsonb NOT NULL,
	"losses" text NOT NULL,
	"context_window" bigint,
	"price" jsonb,
	"created_ms" bigint NOT NULL,
	"updated_ms" bigint NOT NULL,
	CONSTRAINT "models_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "provider_keys" (
	"tenant_id" text NOT NULL,
	"provider_id" text NOT NULL,
	"id" text NOT NULL,
	"position" integer NOT NULL,
	"sealed_secret" text NOT NULL,
	"last_four" text NOT NULL,
	"created_ms" bigint NOT NULL,
	CONSTRAINT "provider_keys_tenant_id_provider_id_id_pk" PRIMARY KEY("tenant_id","provider_id","id")
);
--> statement-breakpoint
CREATE TABLE "providers" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"type" text NOT NULL,
	"base_url" text NOT NULL,
	"compatible" text,
	"api_version" text,
	"timeouts" jsonb NOT NULL,
	"retries" jsonb NOT NULL,
	"network" jsonb NOT NULL,
	"sealed_proxy" text,
	"sealed_headers" text,
	"created_ms" bigint NOT NULL,
	"updated_ms" bigint NOT NULL,
	CONSTRAINT "providers_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "settings" (
	"key" text PRIMARY KEY NOT NULL,
	"value" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "targets" (
	"tenant_id" text NOT NULL,
	"model_id" text NOT NULL,
	"position" integer NOT NULL,
	"provider_id" text NOT NULL,
	"model" text NOT NULL,
	"try_order" integer NOT NULL,
	"weight" double precision NOT NULL,
	CONSTRAINT "targets_tenant_id_model_id_position_pk" PRIMARY KEY("tenant_id","model_id","position")
);
--> statement-breakpoint
ALTER TABLE "provider_keys" ADD CONSTRAINT "provider_keys_tenant_id_provider_id_providers_tenant_id_id_fk" FOREIGN KEY ("tenant_id","provider_id") REFERENCES "public"."providers"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "targets" ADD CONSTRAINT "targets_tenant_id_model_id_models_tenant_id_id_fk" FOREIGN KEY ("tenant_id","model_id") REFERENCES "public"."models"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_hash" ON "api_keys" USING btree ("hash");--> statement-breakpoint
CREATE INDEX "api_keys_tenant" ON "api_keys" USING btree ("tenant_id","created_ms");