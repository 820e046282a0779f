#!/usr/bin/perl
# demo/package-lock.json: what npm installs is pinned, comes from whatever registry the machine is set
# to, runs no scripts, and brings a Node that is new enough.

use strict;
use warnings;
use FindBin;
use JSON::PP;
use Test::More;
require "$FindBin::Bin/node.pl";

my $demo = "$FindBin::Bin/../../demo";
my $lock = decode_json(content("$demo/package-lock.json"));
my %packages = %{ $lock->{packages} };
# Not our own stand-in, which is a folder of the demo, and the link to it.
my @installed = grep { m{^node_modules/} && !$packages{$_}{link} } sort keys %packages;

cmp_ok(scalar @installed, '>', 50, 'the lock lists the packages');
is_deeply([grep { $packages{$_}{resolved} } @installed], [], 'none of them says which registry it came from');
is_deeply([grep { !$packages{$_}{integrity} } @installed], [], 'each is pinned by its digest');
is_deeply([grep { /react-native/ } @installed], [], 'fhirclient does not bring a mobile framework along');
ok($packages{"node_modules/node-linux-$_"}{optional}, "Node for $_ is there, for whom it fits") for qw(x64 arm64);
like(content("$demo/.npmrc"), qr/^$_$/m, ".npmrc: $_")
    for qw(omit-lockfile-registry-resolved=true ignore-scripts=true);

my $node = node();
my $version = `$node --version`;
my ($major, $minor) = $version =~ /^v(\d+)\.(\d+)/;
ok($major > 22 || $major == 22 && $minor >= 18, "the project's Node is at least 22.18: $version");

done_testing();

sub content {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}
