package Smart::Message;

# A received HTTP/1 message: a response that the client read, or a request that the upstream got.
#
#   status reason version          of a response
#   method target path query      of a request; path and query are the target's raw bytes
#   headers                        [[name, value], ...] as received, in order
#   header('Name')                 the first value, undef when absent
#   header_all('Name')             all values, as a list
#   body                           decoded from chunks; length-delimited otherwise
#   head, raw                      the exact bytes of the head; of the whole message
#   complete                       false: the connection ended before the message did
#   json                           the body, decoded; undef when it is not JSON
#   error                          why a response could not be read ('' when it could): then status is 0

use strict;
use warnings;
use JSON::PP ();

for my $field (qw(status reason version method target path query headers body head raw complete
    error interim))
{
    no strict 'refs';
    *$field = sub { $_[0]{$field} };
}

sub new {
    my ($class, %self) = @_;

    $self{$_} = '' for grep { !defined $self{$_} } qw(body head raw error);
    $self{headers} ||= [];
    $self{status}  ||= 0;
    if (defined $self{target}) {
        @self{qw(path query)} = split /\?/, $self{target}, 2;
    }
    return bless \%self, $class;
}

sub header { return (header_all(@_))[0] }

sub header_all {
    my ($self, $name) = @_;

    return map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $self->{headers} };
}

sub json {
    my ($self) = @_;

    return scalar eval { JSON::PP->new->utf8->allow_nonref->decode($self->{body}) };
}

# (start line, [[name, value], ...]) of a head
sub parse_head {
    my ($head) = @_;
    my ($start, @lines) = split /\r?\n/, $head;
    my @headers;

    for (@lines) {
        next unless /^([^:]*):[ \t]*(.*?)[ \t]*$/;
        push @headers, [$1, $2];
    }
    return ($start, \@headers);
}

1;
