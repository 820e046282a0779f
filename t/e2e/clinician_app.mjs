/* See clinician_app.t. */

import { launchApp } from '../../demo/clients.mjs';
import { outcomeOf, received, scenario, searchOf, subjects, valuesOf } from './tap.mjs';

const SCOPE = 'openid fhirUser launch user/Patient.rs user/Observation.cruds user/Procedure.c patient/Condition.rs';

const observation = {
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
  subject: { reference: 'Patient/dana' },
  valueQuantity: { value: 64, unit: '/min' },
};


async function launch(parts, t) {
  const handle = parts.issuer.launch({ patient: 'bruno', encounter: 'bruno-enc-1', need_patient_banner: true });
  const app = parts.issuer.clients.clinicianApp;
  const client = await launchApp(parts.base, app, { scope: SCOPE, user: 'dr-okafor', launch: handle });
  t.is([client.patient.id, client.encounter.id], ['bruno', 'bruno-enc-1'], 'the EHR launch brings patient and encounter');
  return client;
}

async function context(parts, t, client) {
  const { requests } = await received(parts, () => client.request('Observation?_count=3'));
  const [request] = requests;
  t.is(valuesOf(request, 'X-SMART-Patient'), ['bruno'], 'the FHIR server is told the patient in context');
  t.is(valuesOf(request, 'X-SMART-Encounter'), ['bruno-enc-1'], 'and the encounter');
  t.is(valuesOf(request, 'X-SMART-Need-Patient-Banner'), ['true'], 'and the banner');
  t.like(valuesOf(request, 'X-SMART-FHIR-User').join(), /^[^,]*Practitioner\/dr-okafor$/, 'and who the user is');
  t.is(valuesOf(request, 'X-SMART-Issuer'), [parts.issuer.uri], 'and who says so');
  t.is(valuesOf(request, 'Authorization'), [], 'and not given the token');
}

async function acrossPatients(parts, t, client) {
  const weights = await received(parts, () => client.request('Observation?code=29463-7'));
  t.is(subjects(weights.result).length, 8, 'user/ scopes of a practitioner reach all patients');
  t.is(searchOf(weights.requests[0]).getAll('patient'), [], 'so nothing is narrowed');
  t.is((await client.request('Observation/dana-obs-1')).id, 'dana-obs-1', 'a patient who is not in context is read');

  const problems = await received(parts, () => client.request('Condition'));
  t.is(subjects(problems.result), ['Patient/bruno'], 'patient/ scopes reach the patient in context');
  t.is(searchOf(problems.requests[0]).getAll('patient'), ['bruno'], 'by narrowing');
  const other = await outcomeOf(client.request('Condition/dana-cond-1'));
  t.is(other.status, 404, 'and nobody else');
  t.is((await client.request('Condition/bruno-cond-1')).id, 'bruno-cond-1', 'while the same of the patient in context is read');
}

async function writes(parts, t, client) {
  const created = await received(parts, () => client.create(observation));
  t.like(created.result.id, /./, 'creates an Observation');
  t.is(JSON.parse(created.requests[0].body), observation, 'the FHIR server got it as it was sent');

  const changed = await client.update({ ...created.result, status: 'amended' });
  t.is(changed.status, 'amended', 'updates it');
  const patched = await client.patch(`Observation/${created.result.id}`, [{ op: 'replace', path: '/status', value: 'final' }]);
  t.is(patched.status, 'final', 'patches it');
  const versions = await client.request(`Observation/${created.result.id}/_history`);
  t.is(versions.entry.length, 3, 'reads its history');
  const first = await client.request(`Observation/${created.result.id}/_history/1`);
  t.is(first.meta.versionId, '1', 'and its first version');
  await client.delete(`Observation/${created.result.id}`);
  const gone = await outcomeOf(client.request(`Observation/${created.result.id}`));
  t.ok([404, 410].includes(gone.status), 'deletes it');
}

async function refusedWrites(parts, t, client) {
  const procedure = { resourceType: 'Procedure', status: 'completed', subject: { reference: 'Patient/dana' } };
  const blind = await received(parts, () => outcomeOf(client.create(procedure)));
  t.is(valuesOf(blind.requests[0], 'Prefer'), ['return=minimal'], 'a create without the right to read asks for no representation');
  t.ok(!JSON.stringify(blind.result.body ?? '').includes('Patient/dana'), 'and shows none');

  const condition = { resourceType: 'Condition', id: 'bruno-cond-1', subject: { reference: 'Patient/bruno' } };
  const ungranted = await received(parts, () => outcomeOf(client.update(condition)));
  t.is([ungranted.result.status, ungranted.requests.length], [403, 0], 'an update without a scope for it as well');
}

await scenario('clinician_app', async ({ parts, t }) => {
  const client = await launch(parts, t);
  await context(parts, t, client);
  await acrossPatients(parts, t, client);
  await writes(parts, t, client);
  await refusedWrites(parts, t, client);
});
