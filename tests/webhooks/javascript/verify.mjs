// Verifies deliveries, one JSON object {headers, body, secret} a line, and prints how many were accepted and refused.

import { createInterface } from "node:readline";

import { Webhook, WebhookVerificationError } from "standardwebhooks";

const counts = { accepted: 0, refused: 0 };
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { headers, body, secret } = JSON.parse(line);
  try {
    new Webhook(secret).verify(body, headers);
    counts.accepted += 1;
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    counts.refused += 1;
  }
}
console.log(JSON.stringify(counts));
