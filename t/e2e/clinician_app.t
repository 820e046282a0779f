#!/usr/bin/perl
# A clinician's app, written with fhirclient: EHR launch with a patient in context, user/ scopes across
# patients, patient/ scopes within the context, writes, and what the FHIR server is told of the context.

use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/node.pl";

run_node('clinician_app.mjs');
