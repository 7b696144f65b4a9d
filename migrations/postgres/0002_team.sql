CREATE TABLE "assignments" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"role_id" text NOT NULL,
	"assignee_kind" text NOT NULL,
	"assignee_id" text NOT NULL,
	"scope" text NOT NULL,
	"effect" text NOT NULL,
	"created_ms" bigint NOT NULL,
	CONSTRAINT "assignments_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "audit" (
	"sequence" bigint NOT NULL,
	"tenant_id" text NOT NULL,
	"timestamp_ms" bigint NOT NULL,
	"actor_kind" text NOT NULL,
	"actor_id" text NOT NULL,
	"actor_name" text,
	"actor_tenant_id" text,
	"from_address" text,
	"request_id" text,
	"action" text NOT NULL,
	"target_kind" text NOT NULL,
	"target_id" text NOT NULL,
	"before" text,
	"after" text,
	"hash" text NOT NULL,
	CONSTRAINT "audit_sequence_pk" PRIMARY KEY("sequence")
);
--> statement-breakpoint
CREATE TABLE "budget_rules" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"rule" jsonb NOT NULL,
	"sealed_webhook_url" text,
	"created_ms" bigint NOT NULL,
	"updated_ms" bigint NOT NULL,
	CONSTRAINT "budget_rules_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "data_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"purpose" text NOT NULL,
	"master_key_id" text NOT NULL,
	"wrapped" text NOT NULL,
	"created_ms" bigint NOT NULL,
	"retired_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "groups" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"name" text NOT NULL,
	"external" text,
	"created_ms" bigint NOT NULL,
	"updated_ms" bigint NOT NULL,
	CONSTRAINT "groups_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "limit_rules" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"rule" jsonb NOT NULL,
	"created_ms" bigint NOT NULL,
	"updated_ms" bigint NOT NULL,
	CONSTRAINT "limit_rules_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "login_attempts" (
	"state_hash" text PRIMARY KEY NOT NULL,
	"issuer" text NOT NULL,
	"browser_hash" text NOT NULL,
	"sealed_proof" text NOT NULL,
	"return_to" text NOT NULL,
	"expires_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "memberships" (
	"tenant_id" text NOT NULL,
	"kind" text NOT NULL,
	"id" text NOT NULL,
	"user_id" text NOT NULL,
	"created_ms" bigint NOT NULL,
	CONSTRAINT "memberships_tenant_id_kind_id_user_id_pk" PRIMARY KEY("tenant_id","kind","id","user_id")
);
--> statement-breakpoint
CREATE TABLE "roles" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"actions" jsonb NOT NULL,
	"not_actions" jsonb NOT NULL,
	"created_ms" bigint NOT NULL,
	"updated_ms" bigint NOT NULL,
	CONSTRAINT "roles_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "services" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"name" text NOT NULL,
	"issuer" text,
	"client_id" text,
	"status" text NOT NULL,
	"created_ms" bigint NOT NULL,
	"updated_ms" bigint NOT NULL,
	CONSTRAINT "services_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id_hash" text PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"user_id" text NOT NULL,
	"issuer" text NOT NULL,
	"issuer_session_id" text,
	"claimed" jsonb NOT NULL,
	"sealed_tokens" text,
	"user_agent" text,
	"from_address" text,
	"created_ms" bigint NOT NULL,
	"last_seen_ms" bigint NOT NULL,
	"expires_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "teams" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"name" text NOT NULL,
	"created_ms" bigint NOT NULL,
	"updated_ms" bigint NOT NULL,
	CONSTRAINT "teams_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "tenants" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"status" text NOT NULL,
	"created_ms" bigint NOT NULL,
	"updated_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "used_once" (
	"kind" text NOT NULL,
	"id" text NOT NULL,
	"expires_ms" bigint NOT NULL,
	CONSTRAINT "used_once_kind_id_pk" PRIMARY KEY("kind","id")
);
--> statement-breakpoint
CREATE TABLE "users" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"issuer" text NOT NULL,
	"subject" text NOT NULL,
	"name" text,
	"email" text,
	"password_hash" text,
	"claimed" jsonb,
	"status" text NOT NULL,
	"created_ms" bigint NOT NULL,
	"updated_ms" bigint NOT NULL,
	"last_login_ms" bigint,
	CONSTRAINT "users_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "disabled" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "owner" jsonb;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "actions" jsonb;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "allowed_from" jsonb;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "own" jsonb;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "replaced_by" text;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "updated_ms" bigint;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "access" jsonb;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "price_changes" jsonb;--> statement-breakpoint
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_tenant_id_user_id_users_tenant_id_id_fk" FOREIGN KEY ("tenant_id","user_id") REFERENCES "public"."users"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "assignments_same" ON "assignments" USING btree ("tenant_id","role_id","assignee_kind","assignee_id","scope","effect");--> statement-breakpoint
CREATE INDEX "audit_tenant" ON "audit" USING btree ("tenant_id","sequence");--> statement-breakpoint
CREATE INDEX "audit_time" ON "audit" USING btree ("timestamp_ms");--> statement-breakpoint
CREATE INDEX "login_attempts_end" ON "login_attempts" USING btree ("expires_ms");--> statement-breakpoint
CREATE UNIQUE INDEX "services_client" ON "services" USING btree ("issuer","client_id");--> statement-breakpoint
CREATE INDEX "sessions_user" ON "sessions" USING btree ("tenant_id","user_id");--> statement-breakpoint
CREATE INDEX "sessions_issuer" ON "sessions" USING btree ("issuer","issuer_session_id");--> statement-breakpoint
CREATE INDEX "sessions_end" ON "sessions" USING btree ("expires_ms");--> statement-breakpoint
CREATE UNIQUE INDEX "users_subject" ON "users" USING btree ("issuer","subject");