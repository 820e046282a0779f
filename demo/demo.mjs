/*
 * The demo: starts the parts, gets tokens as apps do, makes the requests of
 * requests.mjs through nginx, and prints what became of each and why.
 * demo/run says how it is called.
 */

import fs from 'node:fs';
import path from 'node:path';
import { authorizeApp, authorizeService } from './apps.mjs';
import { generate } from './data.mjs';
import { buildDirectory, startParts, stopOnExit } from './parts.mjs';
import { requests } from './requests.mjs';

const RENEW_EVERY = 4 * 60 * 1000;
const WIDTH = 118;
const FORGED_SCOPE = 'system/*.cruds';
const runtime = path.resolve(process.env.DEMO_DIR || path.join(buildDirectory, 'demo'));
const shown = path.relative(process.cwd(), runtime) || '.';

const SESSIONS = {
  patient: {
    says: 'ada\'s app: public client, authorization code with PKCE, RS256',
    scope: 'openid fhirUser launch/patient patient/Patient.rs patient/Observation.cruds patient/Condition.read',
    authorize: (base, { clients }, scope) => authorizeApp(base, clients.patientApp, { user: 'ada', scope }),
  },
  clinician: {
    says: 'Dr Okafor\'s app: confidential client, authorization code with PKCE, ES384',
    scope: 'openid fhirUser user/Patient.rs user/Observation.cruds user/Procedure.c',
    authorize: (base, { clients }, scope) => authorizeApp(base, clients.clinicianApp, { user: 'dr-okafor', scope }),
  },
  backend: {
    says: 'a backend service: client credentials with private_key_jwt, ES384',
    scope: 'system/*.rs',
    authorize: (base, { clients }, scope) => authorizeService(base, clients.backend, { scope }),
  },
};


/* Tokens go to files, so that the curl lines can be read and pasted. */
function keepToken(name, token) {
  fs.writeFileSync(path.join(runtime, `${name}.header`), `Authorization: Bearer ${token}\n`, { mode: 0o600 });
}

function forge(token) {
  const [header, payload, signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  claims.scope += ` ${FORGED_SCOPE}`;
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
}

/* who -> { token, scope }; scope is what the authorisation server says that it granted. */
async function getTokens({ base, issuer }) {
  const tokens = {};
  for (const [name, session] of Object.entries(SESSIONS)) {
    const { access_token: token, scope } = await session.authorize(base, issuer, session.scope);
    tokens[name] = { token, scope };
  }
  const now = Math.floor(Date.now() / 1000);
  const { token, scope } = tokens.patient;
  tokens.forged = { token: forge(token), scope: `${scope} ${FORGED_SCOPE}` };
  tokens.expired = { token: await issuer.resign(token, { iat: now - 7200, exp: now - 3600 }), scope };
  for (const [name, session] of Object.entries(tokens)) {
    keepToken(name, session.token);
  }
  return tokens;
}


/* One request, and what is printed of it. */

function describe(request) {
  const method = ['get', 'post', 'put', 'patch', 'delete'].find((m) => m in request);
  return { method: method.toUpperCase(), target: request[method] };
}

function bodyText({ body }) {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

async function make(base, tokens, request) {
  const { method, target } = describe(request);
  const response = await fetch(base + target, {
    method,
    headers: {
      ...(tokens[request.who] && { Authorization: `Bearer ${tokens[request.who].token}` }),
      ...(request.content && { 'Content-Type': request.content.type }),
    },
    body: request.content && bodyText(request.content),
  });
  const text = await response.text();
  return { status: response.status, challenge: response.headers.get('www-authenticate'), body: parse(text) };
}

function parse(text) {
  if (text === '') {
    return { empty: true };
  }
  try {
    return JSON.parse(text);
  } catch {
    return { unreadable: text.slice(0, 200) };
  }
}

function complaint(request, answer, received) {
  const refused = request.status >= 400;
  const sends = request.sends ?? (refused ? 0 : 1);
  if (answer.status !== request.status) {
    return `expected ${request.status}`;
  }
  if (received.length !== sends) {
    return `expected ${sends} request(s) to reach the FHIR server, not ${received.length}`;
  }
  if (refused && answer.body.resourceType !== 'OperationOutcome') {
    return 'expected an OperationOutcome';
  }
  return refused ? undefined : request.check?.(answer.body);
}

function reason({ status, body }) {
  if (body.resourceType === 'OperationOutcome') {
    const [issue] = body.issue;
    return `${issue.code}: ${issue.diagnostics ?? issue.details?.text ?? ''}`;
  }
  if (body.empty) {
    return 'no body';
  }
  if (/-response$/.test(body.type)) {
    return `Bundle of ${body.entry.map((e) => e.response.status.slice(0, 3)).join(', ')}`;
  }
  if (body.resourceType === 'Bundle') {
    const patients = new Set((body.entry ?? []).map((e) => (e.resource.subject ?? e.resource.patient)?.reference));
    return `Bundle of ${body.entry?.length ?? 0}, about ${patients.size > 3 ? `${patients.size} patients` : [...patients].join(', ')}`;
  }
  if (body.authorization_endpoint) {
    return 'SMART configuration';
  }
  return body.resourceType ? `${body.resourceType}${body.id ? `/${body.id}` : ''}` : body.unreadable ?? `${status}`;
}

/* nginx logs a request when it has ended, which may be after its answer was read. */
async function decision(nginx, before) {
  for (let i = 0; i < 100 && nginx.logged().length <= before; i += 1) {
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
  const [, verdict, name, rule] = (nginx.logged()[before] ?? '').split(' ');
  return verdict ? `${verdict} ${name}, RULES ${rule}` : 'not logged';
}

function upstream(received) {
  if (!received.length) {
    return 'nothing';
  }
  return received.map(({ method, url, body }) => {
    const sent = method === 'POST' && url.endsWith('/_search') ? `  (${body})` : '';
    return `${method} ${url}${sent}`;
  }).join(', then ');
}

function quote(text) {
  return /^[\w/.:=@%+,-]+$/.test(text) ? text : `'${text}'`;
}

function curl(base, request) {
  const { method, target } = describe(request);
  return ['curl -si',
    ...(['GET', 'POST'].includes(method) ? [] : [`-X ${method}`]),
    ...(request.who === 'nobody' ? [] : [`-H @${shown}/${request.who}.header`]),
    ...(request.content ? [`-H 'Content-Type: ${request.content.type}' -d @${shown}/${request.content.file}`] : []),
    quote(base + target)].join(' ');
}

function wrap(label, text) {
  const room = WIDTH - 15;
  const lines = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line && line.length + word.length + 1 > room) {
      lines.push(line);
      line = '';
    }
    line += (line && ' ') + word;
  }
  lines.push(line);
  return lines.map((l, i) => `    ${(i ? '' : label).padEnd(11)}${l}`).join('\n');
}

function print(number, base, request, { scope, answer, decided, received, wrong }) {
  const { method, target } = describe(request);
  const title = `${method} ${target || '/'}`;
  console.log(`${String(number).padStart(2)}  ${answer.status}  ${request.who.padEnd(10)} ${title}`);
  console.log(wrap('shows', request.tells));
  console.log(wrap('scopes', scope ?? '(no token)'));
  console.log(wrap('decided', decided));
  console.log(wrap('answer', reason(answer)));
  if (answer.challenge) {
    console.log(wrap('challenge', answer.challenge));
  }
  console.log(wrap('upstream', upstream(received)));
  console.log(`    try        ${curl(base, request)}`);
  if (wrong) {
    console.log(`    WRONG      ${wrong}`);
  }
  console.log('');
}

function introduce({ base, issuer, server }) {
  const resources = generate();
  const types = new Set(resources.map((r) => r.resourceType)).size;
  console.log(`
FHIR server, no access control   ${server.base}   (${resources.length} synthetic resources of ${types} types)
authorisation server             ${issuer.uri}
nginx with the module            ${base}   <- the requests below go here
configuration and logs           ${shown}/nginx.conf, error.log, access.log

Tokens; ${shown}/<who>.header holds each as a header for curl:`);
  for (const [name, { says, scope }] of Object.entries(SESSIONS)) {
    console.log(`  ${name.padEnd(10)} ${says}\n${' '.repeat(13)}${scope}`);
  }
  console.log('');
}


async function run(parts) {
  const tokens = await getTokens(parts);
  introduce(parts);
  let wrong = 0;
  for (const [i, request] of requests.entries()) {
    if (request.content) {
      fs.writeFileSync(path.join(runtime, request.content.file), bodyText(request.content));
    }
    parts.server.forget();
    const before = parts.nginx.logged().length;
    const answer = await make(parts.base, tokens, request);
    const decided = await decision(parts.nginx, before);
    const received = parts.server.received();
    const complained = complaint(request, answer, received);
    wrong += complained ? 1 : 0;
    print(i + 1, parts.base, request, { scope: tokens[request.who]?.scope, answer, decided, received, wrong: complained });
  }
  console.log(wrong ? `${wrong} of ${requests.length} answers were not as expected.`
    : `All ${requests.length} answers were as expected.`);
  return wrong;
}

/* Tokens of services live five minutes: the curl lines are to work for longer. */
function stayUp(parts) {
  console.log('\nStill up; the curl lines above work from the project\'s directory. Ctrl-C ends it.');
  setInterval(() => {
    getTokens(parts).catch((error) => console.error(`demo: no new tokens: ${error.message}`));
  }, RENEW_EVERY);
}

try {
  const parts = await startParts({ runtime });
  const stop = stopOnExit(parts.stop);
  let wrong = 1;
  try {
    wrong = await run(parts);
  } finally {
    if (process.env.ONCE || wrong) {
      await stop();
    }
  }
  if (process.env.ONCE || wrong) {
    process.exit(wrong ? 1 : 0);
  }
  stayUp(parts);
} catch (error) {
  console.error(`demo: ${error.message}`);
  process.exit(2);
}
