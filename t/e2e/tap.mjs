/*
 * TAP for the scripts of t/e2e, and the parts that they run against.
 *
 *   await scenario('name', async ({ parts, t }) => { ... }, settings)
 *
 * starts the demo's parts in a directory of their own, runs the function, ends
 * the parts and prints the plan. An exception is a failed test.
 */

import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { buildDirectory, startParts, stopOnExit } from '../../demo/parts.mjs';

class Tap {
  count = 0;
  failed = 0;

  ok(holds, name) {
    this.count += 1;
    this.failed += holds ? 0 : 1;
    console.log(`${holds ? 'ok' : 'not ok'} ${this.count} - ${name}`);
    return Boolean(holds);
  }

  is(got, expected, name) {
    if (!this.ok(isDeepStrictEqual(got, expected), name)) {
      this.note(`got      ${JSON.stringify(got)}`);
      this.note(`expected ${JSON.stringify(expected)}`);
    }
  }

  like(got, pattern, name) {
    if (!this.ok(pattern.test(String(got)), name)) {
      this.note(`got ${JSON.stringify(got)}, which does not match ${pattern}`);
    }
  }

  note(text) {
    console.log(String(text).replace(/^/gm, '# '));
  }

  done() {
    console.log(`1..${this.count}`);
    return this.failed ? 1 : 0;
  }
}

/* Runs a test that starts by itself what it needs. */
export async function tap(run) {
  const t = new Tap();
  try {
    await run(t);
  } catch (error) {
    t.ok(false, 'ran to its end');
    t.note(error.stack);
  }
  return t.done();
}

/* `warned`: what nginx must have complained of, and of nothing else. */
export async function scenario(name, run, { warned, ...settings } = {}) {
  const runtime = path.join(buildDirectory, 'e2e', `${name}-${process.pid}`);
  let stop = async () => {};
  const status = await tap(async (t) => {
    const parts = await startParts({ runtime, ...settings });
    stop = stopOnExit(parts.stop);
    await run({ parts, t });
    await stop();
    const complaints = parts.nginx.complaints();
    t.is(complaints.filter((line) => !warned?.test(line)), [], 'nginx had nothing to complain of, to its very end');
    if (warned) {
      t.ok(complaints.some((line) => warned.test(line)), `but of ${warned}`);
    }
  });
  await stop();
  if (status && fs.existsSync(runtime)) {
    console.log(`# configuration and logs: ${path.relative(process.cwd(), runtime)}`);
  } else {
    fs.rmSync(runtime, { recursive: true, force: true });
  }
  process.exit(status);
}


/*
 * What the FHIR server received while something was done, but for the public
 * documents: client libraries ask for those whenever they like.
 */
export async function received(parts, action) {
  parts.server.forget();
  const result = await action();
  const requests = parts.server.received()
    .filter(({ url }) => !['/fhir/metadata', '/fhir/.well-known/smart-configuration'].includes(url));
  return { result, requests };
}

/* Every value that a received request had for a header, whatever its spelling. */
export function valuesOf(request, name) {
  const fold = (text) => text.toLowerCase().replace(/[^a-z0-9]/g, '-');
  return request.headers.filter(([header]) => fold(header) === fold(name)).map(([, value]) => value);
}

/* The search parameters that reached the FHIR server, of the URL and of the form together. */
export function searchOf(request) {
  const { searchParams } = new URL(request.url, 'http://127.0.0.1');
  const form = request.method === 'POST' ? new URLSearchParams(request.body) : [];
  return new URLSearchParams([...searchParams, ...form]);
}

export function subjects(bundle) {
  const about = (resource) => (resource.subject ?? resource.patient)?.reference;
  return [...new Set((bundle.entry ?? []).map((entry) => about(entry.resource)))].sort();
}

/* fhirclient puts the body of a refusal into the error's message. */
function bodyOf(error) {
  const body = error.response?.data ?? /\n\n(\{.*\})$/s.exec(error.message)?.[1];
  try {
    return typeof body === 'string' ? JSON.parse(body) : body;
  } catch {
    return undefined;
  }
}

/* How an app's promise ended: its status and the OperationOutcome's code and text, or 'ok'. */
export async function outcomeOf(promise) {
  try {
    return { status: 'ok', body: await promise };
  } catch (error) {
    const body = bodyOf(error);
    const issue = body?.issue?.[0];
    return {
      status: error.statusCode ?? error.response?.status ?? error.message,
      code: issue?.code,
      text: issue?.diagnostics ?? issue?.details?.text,
      body,
    };
  }
}

/* A request as it is, for what no client library shows: { status, headers, text }. */
export async function plain(parts, token, target, { method = 'GET', headers = {}, body } = {}) {
  const response = await fetch(parts.base + target, {
    method, body, headers: { ...(token && { Authorization: `Bearer ${token}` }), ...headers },
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
