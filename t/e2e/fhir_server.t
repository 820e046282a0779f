#!/usr/bin/perl
# The FHIR server of the demo, asked directly: its data set, and the manners that tests rely on.

use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/node.pl";

run_node('fhir_server.mjs');
