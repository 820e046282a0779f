/*
 * A synthetic data set, made by a seeded generator: the same seed gives the
 * same bytes on every machine. All people are invented; codes are those of
 * LOINC, SNOMED CT, RxNorm, CVX and HL7, since a FHIR server holds such.
 *
 *   generate(seed) -> [resource, ...]      in an order in which references exist
 *   people                                 the ids that a demo or a test names
 */

const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem/';
const US_CORE = 'http://hl7.org/fhir/us/core/CodeSystem/';
const LOINC = 'http://loinc.org';
const SNOMED = 'http://snomed.info/sct';
const RXNORM = 'http://www.nlm.nih.gov/research/umls/rxnorm';
const UCUM = 'http://unitsofmeasure.org';

const DAY = 24 * 3600 * 1000;
const EPOCH = Date.UTC(2024, 0, 8, 8, 0, 0);

export const people = {
  patients: ['ada', 'bruno', 'chidi', 'dana', 'elif', 'farid', 'greta', 'hugo'],
  practitioners: ['dr-okafor', 'dr-lindqvist', 'nurse-pereira', 'dr-haddad'],
};

const NAMES = {
  ada: ['Ada', 'Quill', 'female'],
  bruno: ['Bruno', 'Tarn', 'male'],
  chidi: ['Chidi', 'Marlow', 'male'],
  dana: ['Dana', 'Fenwick', 'female'],
  elif: ['Elif', 'Sorrel', 'female'],
  farid: ['Farid', 'Heath', 'male'],
  greta: ['Greta', 'Lindow', 'female'],
  hugo: ['Hugo', 'Brae', 'male'],
  'dr-okafor': ['Ngozi', 'Okafor', 'female'],
  'dr-lindqvist': ['Sven', 'Lindqvist', 'male'],
  'nurse-pereira': ['Marta', 'Pereira', 'female'],
  'dr-haddad': ['Samir', 'Haddad', 'male'],
};

/* Every category that US Core's granular scopes know; value: what is measured. */
const OBSERVATIONS = [
  [TERMINOLOGY + 'observation-category', 'laboratory', [
    ['4548-4', 'Hemoglobin A1c', 5.0, 8.5, '%'],
    ['2345-7', 'Glucose in serum', 70, 160, 'mg/dL'],
    ['2160-0', 'Creatinine in serum', 0.6, 1.4, 'mg/dL'],
    ['718-7', 'Hemoglobin', 11, 17, 'g/dL'],
  ]],
  [TERMINOLOGY + 'observation-category', 'vital-signs', [
    ['8867-4', 'Heart rate', 55, 100, '/min'],
    ['8310-5', 'Body temperature', 36, 38, 'Cel'],
    ['29463-7', 'Body weight', 48, 110, 'kg'],
    ['8302-2', 'Body height', 150, 195, 'cm'],
    ['85354-9', 'Blood pressure panel', 0, 0, null],
  ]],
  [TERMINOLOGY + 'observation-category', 'social-history', [
    ['72166-2', 'Tobacco smoking status', ['266919005', '8517006', '77176002']],
  ]],
  [TERMINOLOGY + 'observation-category', 'survey', [['55758-7', 'PHQ-2 total score', 0, 6, '{score}']]],
  [US_CORE + 'us-core-category', 'sdoh', [['88122-7', 'Food insecurity risk', ['373066001', '373067005']]]],
  [US_CORE + 'us-core-category', 'functional-status', [['75246-9', 'Functional status', ['373066001', '373067005']]]],
  [US_CORE + 'us-core-category', 'disability-status', [['69858-9', 'Difficulty walking', ['373066001', '373067005']]]],
  [US_CORE + 'us-core-category', 'cognitive-status', [['72106-8', 'Mini-mental total score', 18, 30, '{score}']]],
  [US_CORE + 'us-core-category', 'treatment-intervention-preference',
    [['75773-2', 'Goals and preferences for treatment', ['373066001', '373067005']]]],
  [US_CORE + 'us-core-category', 'care-experience-preference',
    [['95541-9', 'Care experience preference', ['373066001', '373067005']]]],
  [TERMINOLOGY + 'observation-category', 'activity', [['55423-8', 'Steps', 1200, 14000, '{steps}']]],
  [TERMINOLOGY + 'observation-category', 'imaging', [['18782-3', 'Radiology finding', ['373067005', '260385009']]]],
  [TERMINOLOGY + 'observation-category', 'procedure', [['8630-0', 'Procedure finding', ['260385009', '10828004']]]],
];

const CONDITIONS = [
  [TERMINOLOGY + 'condition-category', 'encounter-diagnosis', ['195662009', '54150009', '444814009']],
  [TERMINOLOGY + 'condition-category', 'problem-list-item', ['44054006', '38341003', '195967001', '13645005']],
  [US_CORE + 'condition-category', 'health-concern', ['733423003', '105531004', '160903007']],
];

const MEDICATIONS = [
  ['860975', 'Metformin 500 mg tablet'],
  ['314076', 'Lisinopril 10 mg tablet'],
  ['617314', 'Atorvastatin 10 mg tablet'],
  ['745679', 'Salbutamol inhaler'],
];


/* mulberry32: small, seeded, the same everywhere. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}


class Maker {
  constructor(seed) {
    this.next = random(seed);
    this.resources = [];
    this.counters = new Map();
  }

  pick(list) {
    return list[Math.floor(this.next() * list.length)];
  }

  between(low, high, digits = 0) {
    return Number((low + this.next() * (high - low)).toFixed(digits));
  }

  when(days = 300) {
    return new Date(EPOCH + Math.floor(this.next() * days) * DAY + Math.floor(this.next() * 9 * 3600) * 1000).toISOString();
  }

  /* Ids are readable: <patient>-<type in short>-<n>. */
  id(prefix) {
    const n = (this.counters.get(prefix) ?? 0) + 1;
    this.counters.set(prefix, n);
    return `${prefix}-${n}`;
  }

  add(resourceType, id, content) {
    const resource = { resourceType, id, meta: { versionId: '1', lastUpdated: this.when(30) }, ...content };
    this.resources.push(resource);
    return resource;
  }
}


const ref = (type, id) => ({ reference: `${type}/${id}` });
const concept = (system, code, display) => ({ coding: [{ system, code, ...(display && { display }) }] });
const humanName = (id) => [{ family: NAMES[id][1], given: [NAMES[id][0]] }];

function addOrganisations(make) {
  const names = [['org-harbour', 'Harbour Hospital'], ['org-mill', 'Mill Lane Surgery'], ['org-lab', 'Northside Laboratory']];
  for (const [id, name] of names) {
    make.add('Organization', id, { active: true, name, type: [concept(TERMINOLOGY + 'organization-type', 'prov')] });
  }
  for (const [id, name, org] of [['loc-ward-a', 'Ward A', 'org-harbour'], ['loc-clinic', 'Day clinic', 'org-harbour'],
    ['loc-surgery', 'Surgery', 'org-mill'], ['loc-lab', 'Sample reception', 'org-lab']]) {
    make.add('Location', id, { status: 'active', name, managingOrganization: ref('Organization', org) });
  }
}

function addPractitioners(make) {
  for (const id of people.practitioners) {
    make.add('Practitioner', id, { active: true, name: humanName(id), gender: NAMES[id][2] });
    make.add('PractitionerRole', `role-${id}`, {
      active: true,
      practitioner: ref('Practitioner', id),
      organization: ref('Organization', make.pick(['org-harbour', 'org-mill'])),
      location: [ref('Location', make.pick(['loc-ward-a', 'loc-clinic', 'loc-surgery']))],
      code: [concept(SNOMED, '59058001')],
    });
  }
  for (const [code, display] of MEDICATIONS) {
    make.add('Medication', `med-${code}`, { code: concept(RXNORM, code, display), status: 'active' });
  }
}

function addPatient(make, id) {
  make.add('Patient', id, {
    active: true,
    identifier: [{ system: 'urn:example:mrn', value: `MRN-${1000 + people.patients.indexOf(id)}` }],
    name: humanName(id),
    gender: NAMES[id][2],
    birthDate: `19${make.between(40, 99)}-0${make.between(1, 9)}-1${make.between(0, 9)}`,
    managingOrganization: ref('Organization', 'org-harbour'),
    generalPractitioner: [ref('Practitioner', make.pick(people.practitioners))],
  });
  make.add('RelatedPerson', make.id(`${id}-rel`), {
    active: true, patient: ref('Patient', id), relationship: [concept(TERMINOLOGY + 'v3-RoleCode', 'NOK')],
  });
}

function addEncounters(make, id) {
  const subject = ref('Patient', id);
  return [1, 2, 3].map(() => {
    const start = make.when();
    return make.add('Encounter', make.id(`${id}-enc`), {
      status: 'finished',
      class: { system: TERMINOLOGY + 'v3-ActCode', code: make.pick(['AMB', 'IMP', 'EMER']) },
      type: [concept(SNOMED, '308335008')],
      subject,
      participant: [{ individual: ref('Practitioner', make.pick(people.practitioners)) }],
      period: { start, end: new Date(Date.parse(start) + 3600 * 1000).toISOString() },
      serviceProvider: ref('Organization', 'org-harbour'),
      location: [{ location: ref('Location', 'loc-clinic') }],
    });
  });
}

function quantity(make, low, high, unit) {
  return { value: make.between(low, high, 1), unit, system: UCUM, code: unit };
}

function observationValue(make, measured) {
  const [code, , low, high, unit] = measured;
  if (code === '85354-9') {
    return {
      component: [
        { code: concept(LOINC, '8480-6', 'Systolic'), valueQuantity: quantity(make, 100, 160, 'mm[Hg]') },
        { code: concept(LOINC, '8462-4', 'Diastolic'), valueQuantity: quantity(make, 60, 95, 'mm[Hg]') },
      ],
    };
  }
  if (Array.isArray(low)) {
    return { valueCodeableConcept: concept(SNOMED, make.pick(low)) };
  }
  return { valueQuantity: quantity(make, low, high, unit) };
}

function addObservations(make, id, encounters) {
  for (const [system, category, measures] of OBSERVATIONS) {
    for (const measured of measures) {
      make.add('Observation', make.id(`${id}-obs`), {
        status: 'final',
        category: [concept(system, category)],
        code: concept(LOINC, measured[0], measured[1]),
        subject: ref('Patient', id),
        encounter: ref('Encounter', make.pick(encounters).id),
        effectiveDateTime: make.when(),
        performer: [ref('Practitioner', make.pick(people.practitioners))],
        ...observationValue(make, measured),
      });
    }
  }
}

function addConditions(make, id, encounters) {
  for (const [system, category, codes] of CONDITIONS) {
    make.add('Condition', make.id(`${id}-cond`), {
      clinicalStatus: concept(TERMINOLOGY + 'condition-clinical', make.pick(['active', 'resolved'])),
      verificationStatus: concept(TERMINOLOGY + 'condition-ver-status', 'confirmed'),
      category: [concept(system, category)],
      code: concept(SNOMED, make.pick(codes)),
      subject: ref('Patient', id),
      encounter: ref('Encounter', make.pick(encounters).id),
      recordedDate: make.when(),
    });
  }
}

function addMedication(make, id) {
  const subject = ref('Patient', id);
  for (const [code] of [MEDICATIONS[0], make.pick(MEDICATIONS.slice(1))]) {
    const request = make.add('MedicationRequest', make.id(`${id}-rx`), {
      status: 'active',
      intent: 'order',
      medicationReference: ref('Medication', `med-${code}`),
      subject,
      authoredOn: make.when(),
      requester: ref('Practitioner', make.pick(people.practitioners)),
    });
    make.add('MedicationDispense', make.id(`${id}-disp`), {
      status: 'completed',
      medicationReference: request.medicationReference,
      subject,
      authorizingPrescription: [ref('MedicationRequest', request.id)],
    });
  }
  make.add('AllergyIntolerance', make.id(`${id}-alg`), {
    clinicalStatus: concept(TERMINOLOGY + 'allergyintolerance-clinical', 'active'),
    code: concept(SNOMED, make.pick(['91936005', '300913006'])),
    patient: subject,
  });
  for (const cvx of ['140', '207']) {
    make.add('Immunization', make.id(`${id}-imm`), {
      status: 'completed',
      vaccineCode: concept('http://hl7.org/fhir/sid/cvx', cvx),
      patient: subject,
      occurrenceDateTime: make.when(),
    });
  }
}

function addOrders(make, id, encounters) {
  const subject = ref('Patient', id);
  make.add('ServiceRequest', make.id(`${id}-order`), {
    status: 'active', intent: 'order', subject, code: concept(SNOMED, '104177005'), authoredOn: make.when(),
  });
  make.add('Specimen', make.id(`${id}-spec`), { status: 'available', subject, type: concept(SNOMED, '119297000') });
  make.add('Procedure', make.id(`${id}-proc`), {
    status: 'completed', subject, code: concept(SNOMED, make.pick(['80146002', '73761001'])),
    encounter: ref('Encounter', encounters[0].id), performedDateTime: make.when(),
  });
  make.add('DiagnosticReport', make.id(`${id}-rep`), {
    status: 'final', subject, category: [concept(TERMINOLOGY + 'v2-0074', 'LAB')], code: concept(LOINC, '58410-2'),
    effectiveDateTime: make.when(), result: [ref('Observation', `${id}-obs-1`)],
  });
  make.add('DiagnosticReport', make.id(`${id}-rep`), {
    status: 'final', subject, category: [concept(LOINC, 'LP29684-5')], code: concept(LOINC, '30746-2'),
    effectiveDateTime: make.when(),
  });
}

function addDocuments(make, id, encounters) {
  const text = `Visit note of ${NAMES[id][0]} ${NAMES[id][1]}. Synthetic, as everything here.`;
  const binary = make.add('Binary', make.id(`${id}-bin`), {
    contentType: 'text/plain',
    securityContext: ref('Patient', id),
    data: Buffer.from(text).toString('base64'),
  });
  const document = make.add('DocumentReference', make.id(`${id}-doc`), {
    status: 'current',
    type: concept(LOINC, '34133-9'),
    category: [concept(US_CORE + 'us-core-documentreference-category', 'clinical-note')],
    subject: ref('Patient', id),
    date: make.when(),
    author: [ref('Practitioner', make.pick(people.practitioners))],
    content: [{ attachment: { contentType: 'text/plain', url: `Binary/${binary.id}` } }],
    context: { encounter: [ref('Encounter', encounters[0].id)] },
  });
  const target = [ref('DocumentReference', document.id)];
  const agent = [{ who: ref('Practitioner', make.pick(people.practitioners)) }];
  make.add('Provenance', make.id(`${id}-prov`), { target, recorded: make.when(), agent });
  make.add('Provenance', make.id(`${id}-prov`), { target: [ref('Patient', id)], recorded: make.when(), agent });
}

function addCare(make, id) {
  const subject = ref('Patient', id);
  make.add('CareTeam', make.id(`${id}-team`), {
    status: 'active', subject, participant: [{ member: ref('Practitioner', make.pick(people.practitioners)) }],
  });
  const goal = make.add('Goal', make.id(`${id}-goal`), {
    lifecycleStatus: 'active', subject, description: { text: make.pick(['Walk each day', 'Sleep longer', 'Lower blood pressure']) },
  });
  make.add('CarePlan', make.id(`${id}-plan`), {
    status: 'active', intent: 'plan', subject, goal: [ref('Goal', goal.id)],
    category: [concept('http://hl7.org/fhir/us/core/CodeSystem/careplan-category', 'assess-plan')],
  });
  make.add('Device', make.id(`${id}-dev`), {
    status: 'active', patient: subject, type: concept(SNOMED, '43770009'), serialNumber: `SN-${make.between(10000, 99999)}`,
  });
  make.add('Coverage', make.id(`${id}-cov`), {
    status: 'active', beneficiary: subject, payor: [ref('Organization', 'org-mill')],
  });
  make.add('FamilyMemberHistory', make.id(`${id}-fam`), {
    status: 'completed', patient: subject, relationship: concept(TERMINOLOGY + 'v3-RoleCode', 'MTH'),
  });
  make.add('QuestionnaireResponse', make.id(`${id}-qr`), { status: 'completed', subject, authored: make.when() });
}

/*
 * What tells "about the patient" from "mentions the patient": bruno's weight
 * as ada reported it. It is formally in ada's compartment (performer), and it
 * is bruno's (RULES D4).
 */
function addReportedByAnother(make) {
  make.add('Observation', 'bruno-obs-by-ada', {
    status: 'final',
    category: [concept(TERMINOLOGY + 'observation-category', 'vital-signs')],
    code: concept(LOINC, '29463-7', 'Body weight'),
    subject: ref('Patient', 'bruno'),
    effectiveDateTime: make.when(),
    performer: [ref('Patient', 'ada')],
    valueQuantity: { value: 81.5, unit: 'kg', system: UCUM, code: 'kg' },
  });
}

function addRecord(make, id) {
  addPatient(make, id);
  const encounters = addEncounters(make, id);
  addObservations(make, id, encounters);
  addConditions(make, id, encounters);
  addMedication(make, id);
  addOrders(make, id, encounters);
  addDocuments(make, id, encounters);
  addCare(make, id);
}

export function generate(seed = 20240108) {
  const make = new Maker(seed);
  addOrganisations(make);
  addPractitioners(make);
  for (const id of people.patients) {
    addRecord(make, id);
  }
  addReportedByAnother(make);
  return make.resources;
}
