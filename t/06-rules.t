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
        ok($cases{$rule}{$side}, "$rule: a case that is $side") || diag("$rule has none");
    }
}
done_testing();
