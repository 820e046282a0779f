# A Binary under patient/ (RULES B11): by a document that refers to it, and by its security context; streamed as it is; and what is foreign, not referred to,
# deleted or missing cannot be told apart.

use strict;
use warnings;
use lib 't/lib';
use JSON::PP ();
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $scope  = 'patient/Binary.cru patient/DocumentReference.rs patient/Patient.r';
my $anna   = $issuer->token(scope => $scope, patient => 'anna');
my $bruno  = $issuer->token(scope => $scope, patient => 'bruno');
my $system = $issuer->token(scope => 'system/*.cruds');
my $json   = JSON::PP->new->utf8->canonical;

# 300 KB of anything at all.
my $pdf = join '', map { chr(($_ * 7 + $_ / 255) % 256) } 1 .. 300_000;

# id => [ whose document refers to it, by which URL, security context ]; %U is the FHIR server's own base.
my %binary = (
    relative => [ 'anna',  'Binary/relative' ],
    public   => [ 'anna',  "$base/Binary/public" ],
    own      => [ 'anna',  '%U/Binary/own' ],
    foreign  => [ 'bruno', 'Binary/foreign' ],
    loose    => [ 'nobody', '' ],
    context  => [ 'anna',  'Binary/context', 'Patient/anna' ],
    hidden   => [ 'anna',  'Binary/hidden', 'Patient/bruno' ],
    gone     => [ 'bruno', 'Binary/gone' ],
    large    => [ 'anna',  'Binary/large', 'Patient/anna' ],
);

my $up = upstream(
    qr{^GET /fhir/DocumentReference$} => sub {
        my ($request) = @_;
        my $own = 'http://' . $request->header('Host') . '/fhir';
        my ($where) = $request->query =~ /\blocation=([^&]*)/;
        my ($whose) = $request->query =~ /\bpatient=([^&]*)/;
        my %wanted = map { $_ => 1 } split /,/, $where =~ s/%([0-9A-F]{2})/chr hex $1/ger;
        my @entry;

        for my $id (sort keys %binary) {
            my ($patient, $url) = @{ $binary{$id} };
            $url =~ s/%U/$own/;
            push @entry, { resource => { resourceType => 'DocumentReference', id => "d-$id", subject => { reference => "Patient/$patient" }, content => [ { attachment => { url => $url } } ] }, search => { mode => 'match' } }
                if $wanted{$url} && $patient eq $whose;
        }
        return { json => { resourceType => 'Bundle', type => 'searchset', total => scalar @entry, entry => \@entry } };
    },
    qr{^(?:GET|HEAD) /fhir/Binary/} => sub {
        my ($request) = @_;
        my ($id) = $request->path =~ m{Binary/([^/]*)};

        return { status => 410, json => { resourceType => 'OperationOutcome', issue => [ { severity => 'error', code => 'deleted' } ] } } if $id eq 'gone';
        return { status => 404, json => { resourceType => 'OperationOutcome', issue => [ { severity => 'error', code => 'not-found' } ] } } if !$binary{$id};
        if (($request->header('Accept') // '') =~ /fhir\+json/) {
            my $context = $binary{$id}[2];
            return { headers => [ 'Content-Type' => 'application/fhir+json', ETag => 'W/"1"' ], body => qq({"resourceType":"Binary","id":"$id","contentType":"application/pdf","data":"@{['A' x ($id eq 'large' ? 3_000_000 : 40)]}")
                . ($context ? qq(,"securityContext":{"reference":"$context"}) : '') . '}' };
        }
        return { headers => [ 'Content-Type' => 'application/pdf', ETag => 'W/"1"', 'Content-Disposition' => 'inline' ], body => $pdf };
    },
    qr{^(?:POST|PUT) /fhir/Binary} => sub { return { status => 201, headers => [ Location => "$base/Binary/new/_history/1" ], json => { resourceType => 'Binary', id => 'new' } } },
);

my $location = "smart hospital; add_header X-Reason \$smart_reason always; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir;";
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_policy none { binary deny; }
    smart_policy scope { binary scope; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4    { $location }
        location /none  { smart hospital policy=none; smart_base_url $base; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /scope { smart hospital policy=scope; smart_base_url $base; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC

sub asked { return join ' | ', map { $_->method . ' ' . ($_->target =~ s{^/fhir}{}r) . ' ' . (($_->header('Accept') // '') =~ s{application/}{}r) } $up->requests }

for my $id (qw(relative public own context large)) {
    $up->clear;
    my $r = $nginx->get("/r4/Binary/$id", bearer => $anna, headers => [ Accept => 'application/pdf' ]);
    is($r->status, 200, "$id: one's own");
    ok($r->body eq $pdf, "$id: as it is");
    is(join(' ', map { $r->header($_) // 'none' } qw(Content-Type ETag Content-Disposition Content-Length)), 'application/pdf W/"1" inline 300000', "$id: and so are its headers");
    my @got = $up->requests;
    is(scalar @got, $id eq 'own' ? 4 : 3, "$id: asked for");
    is($got[-1]->header('Accept'), 'application/pdf', "$id: in the end as the client did");
    like($got[0]->target, qr{^/fhir/DocumentReference\?patient=anna&location=Binary%2F$id%2Chttps%3A%2F%2Ffhir\.example\.org%2Fr4%2FBinary%2F$id$}, "$id: what refers to it first");
}

my $r = $nginx->get('/r4/Binary/relative', bearer => $anna, headers => [ Accept => 'application/pdf', Range => 'bytes=0-9' ]);
is($up->last->header('Range'), 'bytes=0-9', 'a part of it');
is($nginx->head('/r4/Binary/relative', bearer => $anna)->status, 200, 'HEAD');
is($nginx->get('/r4/Binary/relative', bearer => $anna, headers => [ Accept => 'application/fhir+json' ])->json->{id}, 'relative', 'as FHIR');
is($nginx->get('/r4/Binary/foreign', bearer => $bruno)->status, 200, 'the other patient: his own');
is($nginx->get('/r4/Binary/loose', bearer => $system)->status, 200, 'whom nothing confines: anything');

# --- nothing can be told apart

my %answer;
for my $method (qw(GET HEAD PUT)) {
    for my $id (qw(foreign loose gone missing hidden)) {
        for my $conditional (0, 1) {
            next if $method eq 'PUT' && ($id eq 'missing' || $id eq 'gone' || $conditional);
            $up->clear;
            my $r = $nginx->client->request($method, "/r4/Binary/$id", bearer => $anna, headers => [ $conditional ? ('If-None-Match' => 'W/"1"') : (), $method eq 'PUT' ? ('Content-Type' => 'image/png', 'X-Security-Context' => 'Patient/anna') : () ],
                $method eq 'PUT' ? (body => 'x') : ());
            my $told = $r->raw =~ s/^Date:.*\r\n//mr =~ s/\Q$id\E/ID/gr;
            my $n = $id eq 'hidden' ? '' : ' ' . scalar(() = $up->requests);
            push @{ $answer{$method}{"$told$n"} }, "$id $conditional" if $id ne 'hidden';
            is($r->status, $method eq 'PUT' ? 403 : 404, "$method $id");
            is((grep { $_->method eq $method && $_->target !~ /DocumentReference/ && ($_->header('Accept') // '') !~ /fhir\+json/ } $up->requests) + 0, 0, "$method $id: was not asked for");
        }
    }
    is(scalar keys %{ $answer{$method} }, 1, "$method: byte for byte alike, and as many requests upstream") || diag(map { "$_: @{ $answer{$method}{$_} }\n" } sort keys %{ $answer{$method} });
}

# --- writing

my @rows = (
    [ 'of oneself'        => 201, POST => '/Binary', 'Patient/anna' ],
    [ 'of another'        => 403, POST => '/Binary', 'Patient/bruno' ],
    [ 'of nobody'         => 403, POST => '/Binary', undef ],
    [ 'by a search'       => 403, POST => '/Binary', 'Patient?identifier=x' ],
    [ 'at a new place'    => 201, PUT => '/Binary/missing', 'Patient/anna' ],
    [ "in one's own's place" => 201, PUT => '/Binary/context', 'Patient/anna' ],
    [ "in another's place" => 403, PUT => '/Binary/hidden', 'Patient/anna' ],
);
for my $row (@rows) {
    my ($name, $status, $method, $target, $context) = @$row;
    $up->clear;
    my $r = $nginx->client->request($method, "/r4$target", bearer => $anna, body => $pdf, headers => [ 'Content-Type' => 'application/pdf', $context ? ('X-Security-Context' => $context) : () ]);
    my ($sent) = grep { $_->method eq $method } $up->requests;
    is($r->status, $status, "a Binary $name");
    is($sent ? length $sent->body : 'nothing', $status == 201 ? 300_000 : 'nothing', "... is sent") ;
    is($sent->header('X-Security-Context'), $context, '... with its context') if $sent;
    is($sent->header($target =~ /missing/ ? 'If-None-Match' : 'If-Match'), $target =~ /missing/ ? '*' : 'W/"1"', '... pinned') if $sent && $method eq 'PUT';
}
is($nginx->delete('/r4/Binary/context', bearer => $issuer->token(scope => 'patient/Binary.d', patient => 'anna'))->status, 403, 'none is deleted');

# --- policies

is($nginx->get('/none/Binary/relative', bearer => $anna)->status, 403, 'binary deny');
$up->clear;
is($nginx->get('/scope/Binary/loose', bearer => $anna)->status, 200, 'binary scope');
upstream_got($up, 1, '... and nothing else was asked');
unlike($nginx->log, qr/smart:.*(?:relative|foreign|anna|bruno)/, 'nobody is named in the log');

done_testing();
