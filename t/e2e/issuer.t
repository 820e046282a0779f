#!/usr/bin/perl
# The authorisation server of the demo, asked directly: its tokens are what a SMART server issues.

use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/node.pl";

run_node('issuer.mjs');
