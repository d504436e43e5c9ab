// Serves c15t's own backend, as its guide sets it up: Kysely and node-postgres. DATABASE_URL, PORT.
import { serve } from "@hono/node-server";
import { c15tInstance } from "@c15t/backend";
import { kyselyAdapter } from "@c15t/backend/db/adapters/kysely";
import { migrator } from "@c15t/backend/db/migrator";
import { DB } from "@c15t/backend/db/schema";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const adapter = kyselyAdapter({ db: new Kysely({ dialect: new PostgresDialect({ pool }) }), provider: "postgresql" });
const migration = await migrator({ db: DB.client(adapter), schema: "latest" });
await migration.execute();
const instance = c15tInstance({
  appName: "bench", basePath: "/", adapter, trustedOrigins: ["http://127.0.0.1"], logger: { level: "error" },
});
serve({ fetch: instance.handler, port: Number(process.env.PORT), hostname: "127.0.0.1" });
