/* See fhir_server.t. */

import { generate, people } from '../../demo/data.mjs';
import { startFhirServer } from '../../demo/fhir-server.mjs';
import { tap } from './tap.mjs';

const PUBLIC = 'https://public.example/fhir';
const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem/';
const US_CORE = 'http://hl7.org/fhir/us/core/CodeSystem/';
const CATEGORIES = {
  Observation: [
    ...['laboratory', 'social-history', 'survey', 'vital-signs', 'activity', 'imaging', 'procedure']
      .map((c) => `${TERMINOLOGY}observation-category|${c}`),
    ...['sdoh', 'functional-status', 'disability-status', 'cognitive-status', 'treatment-intervention-preference',
      'care-experience-preference'].map((c) => `${US_CORE}us-core-category|${c}`),
  ],
  Condition: [
    `${TERMINOLOGY}condition-category|encounter-diagnosis`,
    `${TERMINOLOGY}condition-category|problem-list-item`,
    `${US_CORE}condition-category|health-concern`,
  ],
};

function dataSet(t) {
  const resources = generate();
  const types = new Set(resources.map((r) => r.resourceType));
  t.ok(people.patients.length >= 6 && resources.length >= 300 && types.size >= 15, 'at least 6 patients, 300 resources, 15 types');
  t.is(JSON.stringify(generate()), JSON.stringify(resources), 'the generator makes the same twice');
  t.ok(JSON.stringify(generate(1)) !== JSON.stringify(resources), 'and something else of another seed');

  const ids = new Set(resources.map((r) => `${r.resourceType}/${r.id}`));
  const dangling = [...JSON.stringify(resources).matchAll(/"(?:reference|url)":"([A-Z][A-Za-z]+\/[^"]+)"/g)]
    .map(([, reference]) => reference).filter((reference) => !ids.has(reference));
  t.is(dangling, [], 'every reference is to something in it');
}

function client(server) {
  return async (target, { method = 'GET', headers = {}, body } = {}) => {
    const response = await fetch(server.base + target, { method, headers, body });
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type')) && text ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, text, json };
  };
}

async function searches(t, ask) {
  for (const [type, categories] of Object.entries(CATEGORIES)) {
    for (const category of categories) {
      const { json } = await ask(`/${type}?patient=ada&category=${encodeURIComponent(category)}`);
      t.ok(json.entry?.length > 0, `${type} of ${category}`);
    }
  }
  const first = (await ask('/Observation?patient=ada&_count=8')).json;
  t.is(first.link[0], { relation: 'self', url: `${PUBLIC}/Observation?patient=ada&_count=8` }, 'self says what was applied');
  t.is(first.entry[0].fullUrl, `${PUBLIC}/Observation/${first.entry[0].resource.id}`, 'entries have a fullUrl');
  const seen = await allPages(ask, first);
  t.is([seen.length, new Set(seen).size], [first.total, first.total], 'next links lead through all of it, once');

  const form = { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'patient=ada' };
  t.is((await ask('/Observation/_search', form)).json.total, first.total, 'a search by POST finds the same');
}

async function allPages(ask, first) {
  const ids = [];
  let page = first;
  while (page) {
    ids.push(...page.entry.map((e) => e.resource.id));
    const next = page.link.find((l) => l.relation === 'next');
    page = next && (await ask(next.url.slice(PUBLIC.length))).json;
  }
  return ids;
}

async function writes(t, ask) {
  const json = { 'Content-Type': 'application/fhir+json' };
  const goal = (await ask('/Goal/ada-goal-1')).json;
  const put = (headers) => ask('/Goal/ada-goal-1', { method: 'PUT', headers: { ...json, ...headers }, body: JSON.stringify(goal) });
  t.is((await put({ 'If-Match': 'W/"7"' })).status, 412, 'an update of another version is refused');
  const updated = await put({ 'If-Match': 'W/"1"' });
  t.is([updated.status, updated.headers.get('etag')], [200, 'W/"2"'], 'of this version it is done');
  t.is((await ask('/Goal/ada-goal-1/_history')).json.entry.map((e) => e.resource.meta.versionId), ['2', '1'], 'newest first');

  const created = await ask('/Goal', { method: 'POST', headers: json, body: JSON.stringify(goal) });
  t.is(created.status, 201, 'a create');
  t.ok(created.json.id !== goal.id, 'gets an id of the server');
  t.like(created.headers.get('location'), new RegExp(`^${PUBLIC}/Goal/.+/_history/1$`), 'and says where it is');
  const minimal = { method: 'POST', headers: { ...json, Prefer: 'return=minimal' }, body: JSON.stringify(goal) };
  t.is((await ask('/Goal', minimal)).text, '', 'Prefer: return=minimal is heard');
  t.is((await ask(`/Goal/${created.json.id}`, { method: 'DELETE' })).status, 204, 'a delete');
  t.is((await ask(`/Goal/${created.json.id}`)).status, 410, 'is remembered');
}

async function manners(t, ask) {
  const metadata = (await ask('/metadata')).json;
  const declared = metadata.rest[0].resource.find((r) => r.type === 'Observation');
  t.ok(declared.searchParam.some((p) => p.name === 'patient'), 'the CapabilityStatement declares search parameters');
  t.is((await ask('/.well-known/smart-configuration')).json, { token_endpoint: 'x' }, 'smart-configuration is what it was given');

  const get = await ask('/Goal/bruno-goal-1');
  const head = await ask('/Goal/bruno-goal-1', { method: 'HEAD' });
  t.is([head.status, head.text, head.headers.get('content-length')], [200, '', get.headers.get('content-length')], 'HEAD is GET without a body');
  t.is((await ask('/Goal/bruno-goal-1', { headers: { 'If-None-Match': get.headers.get('etag') } })).status, 304, 'If-None-Match');
  t.is((await ask('/Binary/ada-bin-1')).headers.get('content-type'), 'text/plain', 'a Binary comes raw');
  const fhir = await ask('/Binary/ada-bin-1', { headers: { Accept: 'application/fhir+json' } });
  t.is(fhir.json?.resourceType, 'Binary', 'unless FHIR is asked for');
  const unknown = await ask('/Nonsense');
  t.is([unknown.status, unknown.json.resourceType], [404, 'OperationOutcome'], 'an unknown type is 404');
  t.is((await ask('/Goal/nowhere')).status, 404, 'and so is an unknown id');
}

async function records(t, server, ask) {
  server.forget();
  await ask('/Goal/_search', { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'X-Mine': 'a' }, body: 'a=b' });
  const [request, ...more] = server.received();
  t.is([request.method, request.url, request.body, more.length], ['POST', '/fhir/Goal/_search', 'a=b', 0], 'it records what it was sent');
  t.ok(request.headers.some(([name, value]) => name.toLowerCase() === 'x-mine' && value === 'a'), 'headers as well');
}

process.exit(await tap(async (t) => {
  dataSet(t);
  const server = await startFhirServer({ publicBase: PUBLIC, smartConfiguration: { token_endpoint: 'x' }, resources: generate() });
  const ask = client(server);
  await searches(t, ask);
  await writes(t, ask);
  await manners(t, ask);
  await records(t, server, ask);
  await server.close();
}));
