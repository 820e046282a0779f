# Lost races (L13): what is judged and what is overwritten are the same version, or nothing is written. A server with versions; while one
# patient's write is on its way the resource is given to another.

use strict;
use warnings;
use lib 't/lib';
use Fcntl qw(:flock);
use File::Temp;
use Smart::Test;
use Time::HiRes qw(usleep);

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $state  = File::Temp->newdir;
my $json   = JSON::PP->new->canonical;

sub observation { my ($id, $patient, $note) = @_; return { resourceType => 'Observation', id => $id, status => 'final', subject => { reference => "Patient/$patient" }, note => [ { text => $note } ] } }

# --- the server: a file for each resource, locked; what was committed is written into a list
sub with_state {
    my ($id, $do) = @_;
    open my $lock, '>>', "$state/$id.lock" or die $!;
    flock $lock, LOCK_EX;
    my $now = -e "$state/$id" ? $json->decode(slurp("$state/$id")) : { version => 1, resource => observation($id, 'p2', 'first') };
    my ($answer, $next) = $do->($now);
    if ($next) {
        $next->{version} = $now->{version} + 1;
        spew("$state/$id", $json->encode($next));
    }
    close $lock;
    return $answer;
}

sub shown {
    my ($kind, $now) = @_;
    my %resource = %{ $now->{resource} };
    $resource{meta} = { versionId => "$now->{version}" } if $kind eq 'meta';
    return { json => \%resource, headers => [ $kind eq 'fhir' ? (ETag => qq{W/"$now->{version}"}) : (), 'Content-Type' => 'application/fhir+json' ] };
}

sub is_current {
    my ($match, $now) = @_;
    return !defined $match || $match eq qq{W/"$now->{version}"};
}

sub written {
    my ($request, $id, $match, $resource) = @_;
    return with_state($id, sub {
        my ($now) = @_;
        return { status => 410 } if $now->{deleted} && $request->method ne 'PUT';
        return { status => 412, json => { resourceType => 'OperationOutcome', issue => [] } } if !is_current($match, $now);
        # by whom, over whose
        my ($whose) = $now->{resource}{subject}{reference} =~ /(p\d)$/;
        open my $log, '>>', "$state/commits" or die $!;
        print $log join(' ', $id, $request->header('X-SMART-Patient') // 'anybody', $now->{deleted} ? 'nobody' : $whose), "\n";
        close $log;
        return ({ status => 204 }, { resource => $now->{resource}, deleted => 1 }) if $request->method eq 'DELETE';
        return ({ status => 200, json => { resourceType => 'OperationOutcome', issue => [] } }, { resource => $resource || $now->{resource} });
    });
}

my $server = sub {
    my ($request) = @_;
    my ($kind, $id) = $request->path =~ m{^/(\w+)/Observation/(\w+)$} or return { status => 201 };
    usleep(int rand 1500);
    if ($request->method eq 'GET') {
        return with_state($id, sub { my ($now) = @_; return $now->{deleted} ? { status => 410 } : shown($kind, $now) });
    }
    return written($request, $id, scalar($request->header('If-Match')), $request->method eq 'PUT' ? $request->json : undef);
};
my $search = sub {
    my ($request) = @_;
    my ($kind) = $request->path =~ m{^/(\w+)/};
    my ($id) = $request->query =~ /identifier=(\w+)/;
    return with_state($id, sub { my ($now) = @_; return { json => { resourceType => 'Bundle', type => 'searchset', entry => [ $now->{deleted} ? () : { resource => shown($kind, $now)->{json} } ] } } });
};
my $bundle = sub {
    my ($request) = @_;
    usleep(int rand 1500);
    my $entry = $request->json->{entry}[0];
    my ($id)  = $entry->{request}{url} =~ m{/(\w+)$};
    my $r     = Smart::Message->new(method => $entry->{request}{method}, headers => $request->headers);
    my $got   = written($r, $id, $entry->{request}{ifMatch}, $entry->{resource});
    return $got->{status} >= 400 ? $got : { json => { resourceType => 'Bundle', type => 'transaction-response', entry => [ { response => { status => '200' } } ] } };
};
my $up = upstream(qr{^GET /\w+/Observation$} => $search, qr{^POST /\w+$} => $bundle, qr{.} => $server);
my $nginx = nginx(workers => 2, vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_policy trusting { unversioned allow; }
    upstream kept { server 127.0.0.1:%%UPSTREAM%%; keepalive 8; }
    keepalive_requests 100000;
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    server {
        listen 127.0.0.1:%%PORT%%;
        location /tag   { smart hospital; proxy_pass http://kept/fhir; }
        location /meta  { smart hospital; proxy_pass http://kept/meta; }
        location /bare  { smart hospital; proxy_pass http://kept/bare; }
        location /trust { smart hospital policy=trusting; proxy_pass http://kept/bare; }
    }
EOC
my $token  = $issuer->token(scope => 'patient/Observation.cruds', patient => 'p2');
my $system = $issuer->token(scope => 'system/*.cruds');
my @json   = ('Content-Type' => 'application/fhir+json');

my %writes = (
    update      => sub { my ($id) = @_; return ('PUT', "/Observation/$id", \@json, $json->encode(observation($id, 'p2', 'theirs'))) },
    conditional => sub { my ($id) = @_; my $new = observation($id, 'p2', 'theirs'); delete $new->{id}; return ('PUT', "/Observation?identifier=$id", \@json, $json->encode($new)) },
    patch       => sub { my ($id) = @_; return ('PATCH', "/Observation/$id", [ 'Content-Type' => 'application/json-patch+json' ], '[{"op":"add","path":"/note","value":[{"text":"theirs"}]}]') },
    delete      => sub { my ($id) = @_; return ('DELETE', "/Observation/$id", []) },
    transaction => sub { my ($id) = @_; return ('POST', '', \@json, $json->encode({ resourceType => 'Bundle', type => 'transaction', entry => [ { resource => observation($id, 'p2', 'theirs'), request => { method => 'PUT', url => "Observation/$id" } } ] })) },
);
my ($theirs, $ours) = ($nginx->client, $nginx->client);

# p2 writes; meanwhile the resource is given to p1, by who may do that. Gives the status of the first.
sub pair {
    my ($at, $how, $id) = @_;
    my ($method, $path, $headers, $body) = $writes{$how}->($id);
    my $first = $theirs->compose($method, "/$at$path", bearer => $token, headers => $headers, defined $body ? (body => $body) : ());
    my $other = $ours->compose('PUT', "/$at/Observation/$id", bearer => $system, headers => \@json, body => $json->encode(observation($id, 'p1', 'ours')));
    my $wait  = int rand 8000;
    if ($wait < 500) { $ours->send($other); usleep($wait); $theirs->send($first) }
    else             { $theirs->send($first); usleep($wait - 500); $ours->send($other) }
    my $given = $ours->read(method => 'PUT');
    $given->status == 200 || diag("given: " . $given->status . " " . $given->error . $given->raw);
    my $r = $theirs->read(method => $method);
    return $r->status;
}

# What p2 overwrote that was not p2's.
sub lost { return grep { /^\w+ p2 p1$/ } split /\n/, -e "$state/commits" ? slurp("$state/commits") : '' }
sub final { my ($id) = @_; return $json->decode(slurp("$state/$id"))->{resource}{note}[0]{text} }

my %seen;
my @kinds = sort keys %writes;
for my $n (1 .. ($ENV{PAIRS} || 1000)) {
    my ($at, $how) = ((qw(tag meta))[ $n % 2 ], $kinds[ $n % @kinds ]);
    my $status = pair($at, $how, "r$n");
    $seen{$how}{$status}++;
    final("r$n") eq 'ours' or fail("pair $n: $how $status: what was given is gone");
}
is(join(', ', lost()), '', '1000 pairs: nothing of another was overwritten');
for my $how (@kinds) {
    my %all = %{ $seen{$how} };
    diag("$how: " . join ', ', map { "$_: $all{$_}" } sort keys %all) if $ENV{SMART_VERBOSE};
    ok($all{200} || $all{204}, "$how: some came first");
    ok($all{409}, "$how: some came between");
    is(join(' ', grep { !/^(?:20[014]|409|403|404)$/ } sort keys %all), '', "$how: no other answer");
}

# no version: by policy nothing is written, whatever the order; or it is, and the window is the operator's
unlink "$state/commits";
my %bare = map { $_ => 0 } 'committed';
for my $n (1 .. 100) {
    my $status = pair('bare', $kinds[ $n % @kinds ], "b$n");
    # 201: the criteria found nothing any more
    $status =~ /^(?:201|409|403|404)$/ or fail("unversioned: $n: $status");
}
is(scalar(grep { / p2 / } split /\n/, slurp("$state/commits")), 0, 'unversioned refuse: nothing is written without a version');
is($nginx->request(@{ [ $writes{update}->('t1') ] }[0], '/trust/Observation/t1', bearer => $token, headers => \@json, body => $json->encode(observation('t1', 'p2', 'theirs')))->status, 200, 'unversioned allow: it is');
is($up->last->header('If-Match'), undef, 'without a precondition');
is($nginx->request('PUT', '/bare/Observation/t1', bearer => $token, headers => \@json, body => $json->encode(observation('t1', 'p2', 'theirs')))->status, 409, 'control: the same under refuse');

done_testing();
