# Every rule of docs/rules.md A, B, C, D, E, F and L has, in t/cases/decide.jsonl or nginx.jsonl, a case that it allows and one that it refuses.

use strict;
use warnings;
use lib 't/lib';
use JSON::PP;
use Smart::Test;

# The rules, by their own numbering.
my @rules = slurp('docs/rules.md') =~ /^([ABCDEFL]\d+a?)\. /mg;
ok(@rules > 90, 'there are rules: ' . @rules);
my %known = map { $_ => 1 } @rules;

# What has one side, or no case, and why. An entry that is no longer true is a failure: the list only shrinks.
my %exempt = (
    allowed => {
        B15 => 'a header of what nginx sends: t/85-links.t',
        D14 => 'it is of logs',
    },
    refused => {
        B15 => 'a header of what nginx sends: t/85-links.t',
        D14 => 'it is of logs',
    },
);

# The rules that a text cites; "D1-D4" cites what lies between.
sub cited {
    my ($text) = @_;
    my %rules = map { $_ => 1 } $text =~ /\b([ABCDEFL]\d+a?)\b/g;

    while ($text =~ /\b([ABCDEFL])(\d+)a?-\1(\d+)a?\b/g) {
        $rules{"$1$_"} = 1 for $2 .. $3;
    }
    return grep { $known{$_} } keys %rules;
}

# Refused: the request, its answer, an entry of it, or something of the request (an include, a header) that is not sent.
sub withheld {
    my ($case) = @_;

    return 'refused' if ($case->{step} // 'send') eq 'refuse' || ($case->{shown} // 0) >= 400 || $case->{removed};
    return 'refused' if ($case->{obligations} // '') =~ /FILTER/ || exists $case->{shows} && !defined $case->{shows};
    return 'refused' if grep { defined && $_ eq '' } values %{ $case->{sent} || {} };
    return 'refused' if grep { !defined } values %{ $case->{context} || {} };
    return 'allowed';
}

my %cases;
for my $line (map { split /\n/, slurp("t/cases/$_.jsonl") } qw(decide nginx)) {
    next if $line !~ /^\{/;
    my $case = decode_json($line);
    push @{ $cases{$_}{ withheld($case) } }, $case->{name} for cited(join ' ', $case->{name}, $case->{rule} // ());
}

for my $rule (@rules) {
    for my $side (qw(allowed refused)) {
        my $n = $cases{$rule} && $cases{$rule}{$side} ? @{ $cases{$rule}{$side} } : 0;
        if (my $why = $exempt{$side}{$rule}) {
            ok(!$n, "$rule: nothing $side, since $why") || diag("$rule has a case that is $side: take it off the list");
        } else {
            ok($n, "$rule: a case that is $side") || diag("$rule has none");
        }
    }
}

# What the gaps are, at one glance.
sub none { my ($side) = @_; return grep { !($cases{$_} && $cases{$_}{$side}) } @rules }
my %neither = map { $_ => 1 } grep { !$cases{$_} } @rules;
note('on neither side: ' . join ' ', sort keys %neither);
note('only refused: ' . join ' ', grep { !$neither{$_} } none('allowed'));
note('only allowed: ' . join ' ', grep { !$neither{$_} } none('refused'));
done_testing();
