/*
 * The telling requests: who asks what, what must be answered, and why.
 *
 *   who      a session of demo.mjs
 *   status   what is expected; anything else makes the demo fail
 *   tells    what the row shows
 *   sends    how many requests may reach the FHIR server (default: 1 when allowed, 0 when refused)
 *   content  { type, file, body }: what is sent along, from a file so that the curl line stays short
 *   check    looks at the body of an allowed answer and what the FHIR server was sent; a text is a complaint
 */

const FHIR_JSON = 'application/fhir+json';
const about = (resource) => (resource.subject ?? resource.patient)?.reference;

function onlyAbout(patient) {
  return (body) => {
    const others = (body.entry ?? []).filter((e) => about(e.resource) !== `Patient/${patient}`);
    if (others.length || !body.entry?.length) {
      return `expected entries, all of them about Patient/${patient}`;
    }
    return undefined;
  };
}

function severalPatients(body) {
  const patients = new Set((body.entry ?? []).map((e) => about(e.resource)));
  return patients.size > 1 ? undefined : 'expected entries about several patients';
}

function isResource(type, id) {
  return (body) => (body.resourceType === type && (!id || body.id === id) ? undefined : `expected ${type}/${id ?? ''}`);
}

const isNothing = (body) => (body.empty ? undefined : 'expected no body');

function statuses(...expected) {
  return (body) => {
    const got = (body?.entry ?? []).map((e) => e.response.status.slice(0, 3));
    return got.join() === expected.join() ? undefined : `expected entries ${expected}, not ${got}`;
  };
}

const observation = {
  resourceType: 'Observation',
  status: 'final',
  category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' }] }],
  code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
  subject: { reference: 'Patient/ada' },
  valueQuantity: { value: 72, unit: '/min' },
};
const newObservation = { type: FHIR_JSON, file: 'observation.json', body: observation };
const changedObservation = { type: FHIR_JSON, file: 'changed.json', body: { ...observation, id: 'ada-obs-1' } };
const givenAway = { type: FHIR_JSON, file: 'given-away.json', body: { ...observation, id: 'ada-obs-1', subject: { reference: 'Patient/bruno' } } };
const newProcedure = {
  type: FHIR_JSON,
  file: 'procedure.json',
  body: { resourceType: 'Procedure', status: 'completed', subject: { reference: 'Patient/ada' } },
};
const changedCondition = {
  type: FHIR_JSON,
  file: 'condition.json',
  body: { resourceType: 'Condition', id: 'ada-cond-1', subject: { reference: 'Patient/ada' } },
};
const transaction = {
  type: FHIR_JSON,
  file: 'transaction.json',
  body: { resourceType: 'Bundle', type: 'transaction', entry: [{ request: { method: 'GET', url: 'Patient/ada' } }] },
};
const batch = {
  type: FHIR_JSON,
  file: 'batch.json',
  body: {
    resourceType: 'Bundle', type: 'batch',
    entry: ['ada', 'bruno'].map((id) => ({ request: { method: 'GET', url: `Patient/${id}` } })),
  },
};
const form = (text) => ({ type: 'application/x-www-form-urlencoded', file: 'search.form', body: text });

export const requests = [
  { who: 'nobody', get: '/metadata', status: 200, tells: 'what the server can do is public' },
  { who: 'nobody', get: '/.well-known/smart-configuration', status: 200, tells: 'and so is where tokens come from' },
  { who: 'nobody', get: '/Patient/ada', status: 401, tells: 'no token' },
  { who: 'forged', get: '/Patient/ada', status: 401, tells: 'the patient\'s token with one more scope written into it' },
  { who: 'expired', get: '/Patient/ada', status: 401, tells: 'the same token, an hour old, signed by the right key' },

  { who: 'patient', get: '/Patient/ada', status: 200, tells: 'her own record', check: isResource('Patient', 'ada') },
  { who: 'patient', get: '/Patient/bruno', status: 403, tells: 'another person' },
  { who: 'patient', get: '/Observation/ada-obs-1', status: 200, tells: 'a resource of her own', check: isResource('Observation', 'ada-obs-1') },
  {
    who: 'patient', get: '/Observation/bruno-obs-1', status: 404, sends: 1,
    tells: 'another person\'s: read, judged, withheld as if it did not exist',
  },
  { who: 'patient', get: '/Observation?code=29463-7', status: 200, tells: 'a search, narrowed to her', check: onlyAbout('ada') },
  {
    who: 'patient', post: '/Observation/_search', content: form('category=laboratory'), status: 200,
    tells: 'the same by POST: the form is narrowed', check: onlyAbout('ada'),
  },
  { who: 'patient', get: '/Observation?patient=bruno', status: 403, tells: 'a search about another person' },
  { who: 'patient', get: '/Condition', status: 200, tells: 'granted by a SMART 1.0 scope (.read)', check: onlyAbout('ada') },
  { who: 'patient', get: '/MedicationRequest', status: 403, tells: 'no scope for this type' },
  {
    who: 'patient', put: '/Observation/ada-obs-1', content: changedObservation, status: 200, sends: 2,
    tells: 'a write of her own: what is stored is read and judged first, the write pinned to it', check: isResource('Observation', 'ada-obs-1'),
  },
  {
    who: 'patient', put: '/Observation/ada-obs-1', content: givenAway, status: 403,
    tells: 'the same resource, given to another person',
  },
  {
    who: 'patient', post: '', content: batch, status: 200, sends: 1,
    tells: 'a batch is split: her own is sent and answered, the other person\'s is 403 in its place', check: statuses('200', '403'),
  },

  { who: 'clinician', get: '/Observation?code=29463-7', status: 200, tells: 'user/ scopes of a practitioner: all patients', check: severalPatients },
  { who: 'clinician', post: '/Observation', content: newObservation, status: 201, tells: 'may create', check: isResource('Observation') },
  { who: 'clinician', post: '/Procedure', content: newProcedure, status: 201, tells: 'may create but not read: the answer shows nothing of it', check: isNothing },
  { who: 'clinician', put: '/Condition/ada-cond-1', content: changedCondition, status: 403, tells: 'no scope for this type' },

  { who: 'backend', get: '/Encounter?_count=5', status: 200, tells: 'system/ scopes: all patients', check: severalPatients },
  { who: 'backend', get: '/Observation?_include=Observation:subject', status: 200, tells: 'an include of a type that it is granted', check: severalPatients },
  { who: 'backend', get: '/Patient/ada/$frobnicate', status: 403, tells: 'an operation that nobody has allowed' },
  { who: 'backend', post: '', content: transaction, status: 200, tells: 'a transaction, each entry by its scopes', check: statuses('200') },
];
