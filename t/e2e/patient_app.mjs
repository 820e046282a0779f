/* See patient_app.t. */

import { launchApp } from '../../demo/clients.mjs';
import { outcomeOf, plain, received, scenario, searchOf, subjects, valuesOf } from './tap.mjs';

const SCOPE = 'openid fhirUser launch/patient patient/Patient.rs patient/Observation.rs user/Condition.rs';


async function launch(parts, t) {
  const client = await launchApp(parts.base, parts.issuer.clients.patientApp, { scope: SCOPE, user: 'ada' });
  t.is(client.patient.id, 'ada', 'the launch ends with a patient in context');
  t.like(client.getFhirUser(), /Patient\/ada$/, 'and says who logged in');
  return client;
}

async function ownRecord(parts, t, client) {
  const { result, requests } = await received(parts, () => client.patient.read());
  t.is(result.id, 'ada', 'reads her Patient');
  t.is(requests.map((r) => `${r.method} ${r.url}`), ['GET /fhir/Patient/ada'], 'by one request to the FHIR server');
  t.is(valuesOf(requests[0], 'Authorization'), [], 'which is not given the token');
  t.is(valuesOf(requests[0], 'X-SMART-Patient'), ['ada'], 'but is told the patient, once');
  t.is(valuesOf(requests[0], 'X-SMART-Client-ID'), ['patient-app'], 'and the client');
}

async function otherPatients(parts, t, client) {
  const other = await received(parts, () => outcomeOf(client.request('Patient/bruno')));
  t.is([other.result.status, other.result.code], [403, 'forbidden'], 'another Patient is refused');
  t.is(other.requests.length, 0, 'without asking the FHIR server');

  const own = await outcomeOf(client.request('Observation/ada-obs-1'));
  t.is([own.status, own.body.id], ['ok', 'ada-obs-1'], 'reads an Observation of hers');
  const foreign = await outcomeOf(client.request('Observation/bruno-obs-1'));
  t.is([foreign.status, foreign.code], [404, 'not-found'], 'of another, it does not exist');
  const token = client.state.tokenResponse.access_token;
  const texts = await Promise.all(['bruno-obs-1', 'nowhere'].map((id) => plain(parts, token, `/Observation/${id}`)));
  t.like(texts[0].text, /OperationOutcome/, 'which is said by an OperationOutcome');
  t.is(texts[0].text, texts[1].text, 'and byte for byte as of one that is not there at all');

  const reported = await outcomeOf(client.request('Observation/bruno-obs-by-ada'));
  t.is(reported.status, 'ok', 'what she reported about another is in her compartment, formally: read');
}

async function searches(parts, t, client) {
  const search = await received(parts, () => client.request('Observation?code=29463-7'));
  t.is(subjects(search.result), ['Patient/ada'], 'a search finds hers only');
  t.is(searchOf(search.requests[0]).getAll('patient'), ['ada'], 'since it was narrowed on its way');
  t.is(searchOf(search.requests[0]).getAll('code'), ['29463-7'], 'and kept what she asked for');

  const named = await received(parts, () => client.patient.request('Observation'));
  t.is(subjects(named.result), ['Patient/ada'], 'a search that names her works as well');
  const patients = searchOf(named.requests[0]).getAll('patient');
  t.ok(patients.length > 0 && patients.every((p) => /^(Patient\/)?ada$/.test(p)), 'and names nobody else upstream');

  const other = await received(parts, () => outcomeOf(client.request('Observation?patient=bruno')));
  t.is([other.result.status, other.requests.length], [403, 0], 'one that names another is refused, unasked');

  const ungranted = await received(parts, () => outcomeOf(client.request('MedicationRequest')));
  t.is([ungranted.result.status, ungranted.requests.length], [403, 0], 'a type without a scope is refused, unasked');
}

async function confinedUser(parts, t, client) {
  const search = await received(parts, () => client.request('Condition'));
  t.is(subjects(search.result), ['Patient/ada'], 'user/ scopes of a patient are confined to herself');
  t.is(searchOf(search.requests[0]).getAll('patient'), ['ada'], 'by the same narrowing');
}

async function spoofed(parts, t, client) {
  const headers = {
    'X-SMART-Patient': 'bruno', 'x-smart-encounter': 'bruno-enc-1', 'X-SMART-Scopes': 'system/*.cruds', 'X-Other': 'stays',
  };
  const { requests } = await received(parts, () => client.request({ url: 'Patient/ada', headers }));
  t.is(valuesOf(requests[0], 'X-SMART-Patient'), ['ada'], 'a patient written into a header by the app is replaced');
  t.is(valuesOf(requests[0], 'X-SMART-Encounter'), [], 'an encounter that the token does not have is gone');
  t.ok(!valuesOf(requests[0], 'X-SMART-Scopes').join().includes('system/'), 'and so are scopes');
  t.is(valuesOf(requests[0], 'X-Other'), ['stays'], 'other headers of the app stay');
}

async function badTokens(parts, t, client) {
  const own = client.state.tokenResponse.access_token;
  const now = Math.floor(Date.now() / 1000);
  const ask = async (token) => (await plain(parts, token, '/Patient/ada')).status;
  t.is(await ask(undefined), 401, 'no token: 401');
  t.is(await ask(await parts.issuer.resign(own, { exp: now - 3600 })), 401, 'an expired one: 401');
  t.is(await ask(await parts.issuer.resign(own, { aud: 'https://elsewhere.example/fhir' })), 401, 'one for another server: 401');
  t.is(await ask(own.slice(0, -6) + (own.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA')), 401, 'a broken signature: 401');
  t.is(await ask(await parts.issuer.resign(own, {})), 200, 'the same claims, signed again: 200');
}

await scenario('patient_app', async ({ parts, t }) => {
  const client = await launch(parts, t);
  await ownRecord(parts, t, client);
  await otherPatients(parts, t, client);
  await searches(parts, t, client);
  await confinedUser(parts, t, client);
  await spoofed(parts, t, client);
  await badTokens(parts, t, client);
});
