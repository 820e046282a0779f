#!/usr/bin/perl
# The generated tables of FHIR facts are what the generator makes of the JSON in tools/definitions/data.

use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $top     = "$FindBin::Bin/..";
my $dir     = tempdir(CLEANUP => 1);
my @command = ($^X, "$top/tools/definitions/generate.pl", $dir);

is(system(@command), 0, 'the generator runs');
for my $version (qw(r4 r4b r5)) {
    my $name      = "fhir_definitions_$version.c";
    my $generated = slurp("$dir/$name");
    ok(length $generated > 100_000, "$name: something was generated");
    ok($generated eq slurp("$top/src/fhir/$name"),
        "$name is up to date (else: perl tools/definitions/generate.pl)");
}
done_testing();

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or return '';
    local $/;
    return scalar <$in>;
}
