// Runs the server audits of graphql-http against an endpoint, and prints each that is not ok.
import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.argv[2] });
const ok = results.filter((result) => result.status === "ok");
for (const result of results) {
  if (result.status !== "ok") console.log(`${result.status}: ${result.id} ${result.name}: ${result.reason}`);
}
console.log(`${ok.length} of ${results.length} audits are ok.`);
process.exit(ok.length === results.length ? 0 : 1);
