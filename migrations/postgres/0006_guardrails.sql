CREATE TABLE "flag_rules" (
	"tenant_id" text NOT NULL,
	"flag" text NOT NULL,
	"rule" jsonb NOT NULL,
	"created_ms" bigint NOT NULL,
	"updated_ms" bigint NOT NULL,
	CONSTRAINT "flag_rules_tenant_id_flag_pk" PRIMARY KEY("tenant_id","flag")
);
--> statement-breakpoint
CREATE TABLE "guardrail_rules" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"position" bigint NOT NULL,
	"rule" jsonb NOT NULL,
	"sealed_secrets" text,
	"created_ms" bigint NOT NULL,
	"updated_ms" bigint NOT NULL,
	CONSTRAINT "guardrail_rules_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
