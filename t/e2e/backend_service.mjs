/* See backend_service.t. */

import { authorizeService } from '../../demo/apps.mjs';
import { connect } from '../../demo/clients.mjs';
import { outcomeOf, plain, received, scenario, subjects, valuesOf } from './tap.mjs';


async function login(parts, scope, alg) {
  const { access_token: token } = await authorizeService(parts.base, parts.issuer.clients.backend, { scope, alg });
  return Object.assign(connect(parts.base, token), { token });
}

async function publicPages(parts, t, client) {
  const metadata = await received(parts, () => client.capabilityStatement());
  t.is(metadata.result.fhirVersion, '4.0.1', 'the CapabilityStatement is public; a token sent along does no harm');
  const endpoints = await client.smartAuthMetadata();
  t.is(endpoints.tokenUrl?.href ?? String(endpoints.tokenUrl), `${parts.issuer.uri}/token`, 'so is where tokens come from');
}

async function reading(parts, t, client) {
  const read = await received(parts, () => client.read({ resourceType: 'Observation', id: 'ada-obs-1' }));
  t.is(read.result.id, 'ada-obs-1', 'reads');
  t.is(valuesOf(read.requests[0], 'Authorization'), [], 'the FHIR server is not given the token');
  t.is(valuesOf(read.requests[0], 'X-SMART-Patient'), [], 'nor a patient, as there is none in context');
  t.is(valuesOf(read.requests[0], 'X-SMART-Client-ID'), ['backend-service'], 'but the client');

  const version = await client.vread({ resourceType: 'Observation', id: 'ada-obs-1', version: '1' });
  t.is(version.meta.versionId, '1', 'reads a version');
  const history = await client.resourceHistory({ resourceType: 'Observation', id: 'ada-obs-1' });
  t.is(history.entry.length, 1, 'reads a history');
}

async function searching(parts, t, client) {
  const all = await client.resourceSearch({ resourceType: 'Patient' });
  t.is(all.entry.length, 8, 'searches all patients');
  const search = { resourceType: 'Observation', searchParams: { code: '29463-7' } };
  t.is(subjects(await client.resourceSearch(search)).length, 8, 'searches by a parameter of the type');
  const posted = await received(parts, () => client.resourceSearch({ ...search, options: { postSearch: true } }));
  t.is(subjects(posted.result).length, 8, 'searches by POST');
  t.is(posted.requests.map((r) => `${r.method} ${r.url} ${r.body}`), ['POST /fhir/Observation/_search code=29463-7'],
    'which goes on as it came');
}

// Whatever the FHIR server makes of it: under system/*.rs nothing has to be checked, and it goes on as it came.
async function forwarded(parts, t, client) {
  const observations = (searchParams) => client.resourceSearch({ resourceType: 'Observation', searchParams });
  const cases = {
    '/fhir/?_type=Patient': () => client.systemSearch({ searchParams: { _type: 'Patient' } }),
    '/fhir/Patient/ada/Observation': () =>
      client.compartmentSearch({ resourceType: 'Observation', compartment: { resourceType: 'Patient', id: 'ada' } }),
    '/fhir/Patient/ada/$everything': () =>
      client.operation({ name: 'everything', resourceType: 'Patient', id: 'ada', method: 'GET' }),
    '/fhir/Observation/_history': () => client.typeHistory({ resourceType: 'Observation' }),
    '/fhir/_history': () => client.systemHistory(),
    '/fhir/Observation?_include=Observation%3Asubject': () => observations({ _include: 'Observation:subject' }),
    '/fhir/Observation?subject%3APatient.name=Quill': () => observations({ 'subject:Patient.name': 'Quill' }),
    '/fhir/Patient?name%3Aexact=Quill': () =>
      client.resourceSearch({ resourceType: 'Patient', searchParams: { 'name:exact': 'Quill' } }),
  };
  for (const [url, ask] of Object.entries(cases)) {
    const { requests } = await received(parts, () => outcomeOf(ask()));
    t.is(requests.map((r) => r.url), [url], `${decodeURIComponent(url)} goes on`);
  }
}

async function refused(parts, t, client) {
  const cases = {
    'an operation that nobody allowed': () =>
      client.operation({ name: 'frobnicate', resourceType: 'Patient', id: 'ada', method: 'GET' }),
    'a transaction with a write': () => client.transaction({ body: bundle('transaction', { request: { method: 'DELETE', url: 'Patient/ada' } }) }),
  };
  for (const [name, ask] of Object.entries(cases)) {
    const { result, requests } = await received(parts, () => outcomeOf(ask()));
    t.is([result.status, requests.length], [403, 0], `${name} is refused, nothing is sent`);
    t.ok(result.text, `${name}: and the answer says why`);
  }
}

async function bundles(parts, t, client) {
  const batch = await received(parts, () => client.batch({ body: bundle('batch', { request: { method: 'DELETE', url: 'Patient/ada' } }) }));
  t.is(batch.result.entry.map((e) => e.response.status.slice(0, 3)), ['200', '403'], 'a batch is split');
  t.is(JSON.parse(batch.requests[0].body).entry.map((e) => e.request.method), ['GET'], 'what is refused is not sent');
  const transaction = await client.transaction({ body: bundle('transaction') });
  t.is(transaction.entry[0].resource.id, 'ada', 'a transaction of reads');
}

function bundle(type, ...more) {
  return { resourceType: 'Bundle', type, entry: [{ request: { method: 'GET', url: 'Patient/ada' } }, ...more] };
}

async function scopes(parts, t) {
  const few = await login(parts, 'system/Patient.rs', 'RS384');
  t.is((await few.read({ resourceType: 'Patient', id: 'ada' })).id, 'ada', 'an RS384 assertion gets a token, too');
  const other = await received(parts, () => outcomeOf(few.read({ resourceType: 'Observation', id: 'ada-obs-1' })));
  t.is([other.result.status, other.requests.length], [403, 0], 'what its scopes do not name is refused');
  const write = await received(parts, () => outcomeOf(few.delete({ resourceType: 'Patient', id: 'ada' })));
  t.is([write.result.status, write.requests.length], [403, 0], 'and so is what their letters do not');

  const writer = await login(parts, 'system/Patient.crud', 'ES384');
  const created = await writer.create({ resourceType: 'Patient', body: { resourceType: 'Patient', active: true } });
  t.like(created.id, /./, 'a scope with c creates');
  t.is((await outcomeOf(writer.delete({ resourceType: 'Patient', id: created.id }))).status, 'ok', 'one with d deletes');
  t.is((await outcomeOf(writer.resourceSearch({ resourceType: 'Patient' }))).status, 403, 'one without s does not search');
}

async function manners(parts, t, client) {
  const ask = (target, method = 'GET') => plain(parts, client.token, target, { method });
  const get = await ask('/Patient/ada');
  const head = await ask('/Patient/ada', 'HEAD');
  t.is([head.status, head.headers.get('etag')], [get.status, get.headers.get('etag')], 'HEAD answers as GET does');
  const raw = await ask('/Binary/ada-bin-1');
  t.is([raw.status, raw.headers.get('content-type')], [200, 'text/plain'], 'a Binary comes raw');
  t.like(raw.text, /Synthetic/, 'byte for byte');
  t.is((await ask('/Frobnication/1')).status, 404, 'a type that FHIR does not know does not exist');
}

await scenario('backend_service', async ({ parts, t }) => {
  const client = await login(parts, 'system/*.rs');
  await publicPages(parts, t, client);
  await reading(parts, t, client);
  await searching(parts, t, client);
  await forwarded(parts, t, client);
  await refused(parts, t, client);
  await bundles(parts, t, client);
  await scopes(parts, t);
  await manners(parts, t, client);
});
