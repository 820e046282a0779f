#!/usr/bin/perl
# The README says everything there is: directives, policy and issuer entries, variables, context headers, reasons.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $readme = slurp('README.md');

sub names {
    my ($file, $pattern) = @_;
    my %seen;

    return grep { !$seen{$_}++ } slurp($file) =~ /$pattern/g;
}

sub documented {
    my ($what, $heading, @names) = @_;

    subtest "every $what" => sub {
        ok(@names > 0, "there are some: " . @names);
        ok($readme =~ $heading->($_), $_) for @names;
    };
}

my $commands = slurp('ngx_http_smart_module.c');
my @directives = $commands =~ /ngx_string\("(smart(?:_\w+)?)"\)/g;
documented('directive', sub { my $n = shift; qr/^### $n\n- \*\*Syntax\*\*: `$n .*\n- \*\*Default\*\*: .+\n- \*\*Context\*\*: .+\n\n\w/m }, @directives);

my @documented = $readme =~ /^### (smart(?:_\w+)?)$/mg;
is_deeply([sort @documented], [sort @directives], 'and none that does not exist');

# Of a table of entries: what it says must be there.
sub section {
    my ($heading) = @_;
    my ($text) = $readme =~ /^### $heading\n(.*?)^### /ms;

    return sort map { /^(\w+)/ } ($text // '') =~ /^\| `([^`|]+)/mg;
}
my %entries = map { $_ => 1 } names('src/smart/smart_policy.c', qr/^    (?:CHOICE\(|\{\{)"(\w+)", "/m);
is(join(' ', grep { !$entries{$_} } section('smart_policy')), '', 'no entry of smart_policy that does not exist');
my %variables = map { $_ => 1 } variables();
my %claimed = map { $_ => 1 } $readme =~ /`\$(smart_\w+)[`<]/g;
is(join(' ', grep { my $name = $_; !$variables{$name} && !grep { /_$/ && index($name, $_) == 0 } keys %variables } sort keys %claimed), '', 'no variable that does not exist');

documented('entry of smart_issuer', sub { qr/^\| `$_[0]/m }, names('src/http/ngx_http_smart_issuer_block.c', qr/NGX_HTTP_SMART_ENTRY\("(\w+)"/));
documented('entry of smart_policy', sub { qr/^\| `$_[0]/m }, names('src/smart/smart_policy.c', qr/^    (?:CHOICE\(|\{\{)"(\w+)", "/m));
documented('variable', sub { qr/`\$\Q$_[0]\E[`<]/ }, variables());
documented('context header', sub { qr/`\Q$_[0]\E`/i }, names('src/http/ngx_http_smart.h', qr/"(X-SMART-[\w-]+)"/));
documented('reason', sub { qr/^\| `$_[0]` \| \d{3} \|/m }, names('src/base/base_reason.h', qr/X\(BASE_\w+,\s+"(\w+)"/));
done_testing();

sub variables {
    my $file = 'src/http/ngx_http_smart_variables.c';

    return map({ "smart_$_" } names($file, qr/NGX_HTTP_SMART_VARIABLE\((?!name)(\w+)\)/)), names($file, qr/ngx_string\("(smart_\w+)"\)/);
}
