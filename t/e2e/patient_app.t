#!/usr/bin/perl
# A patient's app, written with fhirclient: SMART launch with PKCE, her own record and nobody else's,
# and what the FHIR server is sent in her name.

use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/node.pl";

run_node('patient_app.mjs');
