# What else may stand where a file is expected, at start or later: pipes, directories, links, other people's files. Nothing waits for it, nothing of it is believed.

use strict;
use warnings;
use lib 't/lib';
use IO::Socket::UNIX;
use POSIX qw(mkfifo);
use Smart::Test;
use Time::HiRes qw(sleep time);

my $good     = q({"resourceType":"Organization","id":"o1"});
my $audience = 'https://fhir.example.org/r4';
my $issuer   = issuer();
my $dir      = File::Temp->newdir;

sub openssl { system("cd $dir && openssl $_[0] >/dev/null 2>&1") == 0 or die "openssl $_[0]" }

sub run {
    my ($entries, %more) = @_;
    my $more = delete $more{more} // '';

    return nginx(vars => { ISSUER => $issuer->uri }, start => 0, %more, conf => <<"EOC");
        smart_issuer hospital { uri %%ISSUER%%; audience $audience; $entries }
        $more
        server {
            listen 127.0.0.1:%%PORT%%;
            location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%PORT2%%; }
            location /open { return 204; }
        }
        server { listen 127.0.0.1:%%PORT2%%; default_type application/fhir+json; location / { return 200 '$good'; } }
EOC
}

sub status_of { my ($nginx, $token) = @_; return $nginx->get('/r4/Organization/o1', bearer => $token || $issuer->token)->status }
sub down { $issuer->answer(map { $_ => { drop => 1 } } qw(openid oauth jwks)) }
sub back { $issuer->answer(map { $_ => undef } qw(openid oauth jwks)) }

# For so many seconds somebody else is answered at once by each worker.
sub nobody_waits {
    my ($nginx, $seconds, $name) = @_;
    my ($worst, $end) = (0, time + $seconds);

    while (time < $end) {
        my $began = time;
        my $r = $nginx->client(timeout => 2)->get('/open', close => 1);
        my $took = time - $began;
        $worst = $took if $took > $worst;
        last if $r->status != 204;
        sleep 0.01;
    }
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return cmp_ok($worst, '<', 0.5, sprintf "$name: others are answered within %.0f ms", $worst * 1000);
}

# What can stand at a path. Sockets are bound from their directory: such a name is short.
my %strange = (
    'a pipe'           => sub { mkfifo($_[0], 0600) or die "$_[0]: $!" },
    'a directory'      => sub { mkdir $_[0] or die "$_[0]: $!" },
    'a socket'         => sub { my ($in, $name) = $_[0] =~ m{(.*)/(.*)}; system('perl', '-MIO::Socket::UNIX', '-e', 'chdir shift; IO::Socket::UNIX->new(Local => shift, Listen => 1) or die', $in, $name) == 0 or die },
    'a link to a pipe' => sub { mkfifo("$_[0].pipe", 0600) or die; symlink "$_[0].pipe", $_[0] or die },
    'a link to nothing' => sub { symlink "$_[0].nothing", $_[0] or die },
);

# --- nginx -t says so, and comes to an end

my %entry = (
    state_file          => 'state_file %%PREFIX%%/at/it;',
    jwks_file           => 'discovery off; jwks_file %%PREFIX%%/at/it;',
    trusted_certificate => 'trusted_certificate %%PREFIX%%/at/it;',
    crl                 => 'crl %%PREFIX%%/at/it;',
    introspection_auth  => 'introspection_auth bearer %%PREFIX%%/at/it;',
    private_key_jwt     => 'introspection_auth private_key_jwt app %%PREFIX%%/at/it;',
    smart_upstream_authorization => '',
);
for my $entry (sort keys %entry) {
    for my $what (sort keys %strange) {
        next if $entry eq 'state_file' && $what eq 'a link to nothing';    # there is no file yet: that is fine
        my $nginx = run($entry{$entry}, more => $entry{$entry} ? '' : 'smart_upstream_authorization file:%%PREFIX%%/at/it;', files => { 'at/keep' => '' });
        my $said  = $nginx->prefix . '/said';

        $strange{$what}->($nginx->prefix . '/at/it');
        my $status = system('timeout 5 ' . join(' ', $nginx->command('-t')) . " >$said 2>&1") >> 8;
        is($status, 1, "$entry: $what: nginx -t fails at once") || diag slurp($said);
        like(slurp($said), qr{\[emerg\].*at/it}, "$entry: $what: and names it");
    }
}

# --- put in the place of the state file after the configuration was read: a log that is a pipe holds nginx up in between

# nginx, started with that in place; the issuer is down.
sub swapped {
    my ($change) = @_;
    my $nginx = run('state_file %%PREFIX%%/state/hospital;', files => { 'state/keep' => '' }, workers => 2,
        more => 'access_log %%PREFIX%%/gate; smart_issuer other { uri https://other.example.org; audience off; discovery off; introspection_uri https://127.0.0.1:1/; introspection opaque; }');
    my ($file, $gate) = map { $nginx->prefix . $_ } qw(/state/hospital /gate);

    mkfifo($gate, 0600) or die $!;
    Smart::Process::spawn('gate', sub {
        Smart::Process::wait_until(sub { $nginx->log =~ /"other" has "audience off"/ }, 5);    # what stands above it was read
        $change->($file);
        open my $in, '<', $gate or die $!;
        1 while sysread $in, my $line, 4096;
        sleep 60;
    });
    $nginx->start;
    return ($nginx, $file);
}

down();
my $state;
{
    back();
    my $nginx = run('state_file %%PREFIX%%/state/hospital;', files => { 'state/keep' => '' })->start;
    is(status_of($nginx), 200, 'a state file is made');
    ok(wait_until(sub { -s $nginx->prefix . '/state/hospital' }, 5), 'and written');
    $state = slurp($nginx->prefix . '/state/hospital');
    $nginx->stop;
    down();
}

my $put = sub { my ($file, $bytes) = @_; spew($file, $bytes); chmod 0600, $file };
my %swap = (
    (map { my $what = $_; $what => [$strange{$what}, 503, qr/ignored: it is no regular file|ignored: it cannot be opened/] } keys %strange),
    'a pipe that is written into' => [sub { mkfifo($_[0], 0600) or die; my $file = $_[0]; Smart::Process::spawn('writer', sub { while (1) { open my $out, '>', $file or die; syswrite $out, $state; close $out } }) }, 503, qr/ignored: it is no regular file/],
    'a link to a good file'       => [sub { $put->("$_[0].to", $state); symlink "$_[0].to", $_[0] or die }, 503, qr/ignored: it is no regular file/],
    'a good file'                 => [sub { $put->($_[0], $state) }, 200, qr/begins with the documents of state_file/],
    'half a file'                 => [sub { $put->($_[0], substr $state, 0, length($state) / 2) }, 503, qr/ignored: it is not as it was written/],
    'an empty file'               => [sub { $put->($_[0], '') }, 503, qr/ignored: it is not as it was written/],
    'a file that others may write' => [sub { $put->($_[0], $state); chmod 0622, $_[0] }, 503, qr/ignored: others than its owner/],
    'a file that none may read'   => [sub { $put->($_[0], $state); chmod 0, $_[0] }, $> ? 503 : 200, $> ? qr/ignored: it cannot be opened/ : qr/begins with/],
    "somebody else's file"        => [sub { $put->($_[0], $state); chown 65534, 65534, $_[0] or die $! }, 503, qr/ignored: others than its owner/],
    'a device'                    => [sub { system('mknod', $_[0], 'c', 1, 5) == 0 or die }, 503, qr/ignored: it is no regular file/],
);
my $nodes = system("mknod $dir/zero c 1 5 2>/dev/null") == 0 && open my $zero, '<', "$dir/zero";
delete $swap{'a device'} unless $nodes;
delete $swap{"somebody else's file"} if $>;

for my $what (sort keys %swap) {
    my ($change, $status, $says) = @{ $swap{$what} };
    my ($nginx, $file) = swapped($change);

    ok($nginx->wait_log($says), "state file: $what: the log says it") || diag $nginx->log;
    is(status_of($nginx), $status, "state file: $what: what is believed");
    nobody_waits($nginx, 0.3, "state file: $what");
    $nginx->stop('TERM');
}

# --- put there while workers run: they replace it as a whole, and touch nothing that it leads to

{
    my $victim = "$dir/victim";
    my %place  = (
        'a pipe'             => $strange{'a pipe'},
        'a link to a file'   => sub { symlink $victim, $_[0] or die },
        'somebody else\'s'   => sub { $put->($_[0], 'x'); chown 65534, 65534, $_[0] unless $> },
        'a cut file'         => sub { $put->($_[0], substr $state, 0, 100) },
        'no file'            => sub { },
    );
    back();
    for my $what (sort keys %place) {
        my $nginx = run('refresh 1s 1s; stale 1h; state_file %%PREFIX%%/state/hospital;', files => { 'state/keep' => '' })->start;
        my $file  = $nginx->prefix . '/state/hospital';
        my ($pid) = $nginx->workers;

        ok(wait_until(sub { -s $file }, 5), "while it runs: $what: written before");
        spew($victim, 'untouched');
        symlink $victim, "$file.$pid" or die;    # where the worker writes before it renames
        unlink $file;
        $place{$what}->($file);
        ok(wait_until(sub { !-l $file && -f $file && -s $file > 200 }, 5), "while it runs: $what: replaced by a file");
        is(sprintf('%o %d', (lstat $file)[2] & 07777, (lstat $file)[4]), "600 $>", "while it runs: $what: of its own");
        is(slurp($victim), 'untouched', "while it runs: $what: and what was linked to is as it was");
        nobody_waits($nginx, 0.2, "while it runs: $what");
        $nginx->stop;
    }
}

# --- files that are read again when they change

# The strange thing takes the place of the file, then a good file takes its place.
sub in_its_place {
    my ($nginx, $name, $what, $check) = @_;
    my $file = $nginx->prefix . "/$name";
    my $kept = slurp($file);

    $nginx->mark;
    rename $file, "$file.away" or die $!;
    $strange{$what}->($file);
    nobody_waits($nginx, 2.4, "$name: $what");
    $check->();
    -d $file && !-l $file ? rmdir $file : unlink $file;
    rename "$file.away", $file or die $!;
}

for my $what (sort keys %strange) {
    my $nginx = run('discovery off; jwks_file %%PREFIX%%/keys/set;', files => { 'keys/set' => $issuer->jwks('rsa') })->start;
    my $file  = $nginx->prefix . '/keys/set';

    is(status_of($nginx), 200, "jwks_file: $what: good");
    in_its_place($nginx, 'keys/set', $what, sub {
        is(status_of($nginx), 200, "jwks_file: $what: the keys stay");
        like($nginx->log_since_mark, qr/the keys stay as they are/, "jwks_file: $what: and the log says so");
    });
    spew("$file.new", $issuer->jwks('rsa2'));
    rename "$file.new", $file;
    ok(wait_until(sub { status_of($nginx, $issuer->token(key => 'rsa2')) == 200 }, 4), "jwks_file: $what: a new file is read");
    is(status_of($nginx), 401, "jwks_file: $what: and the old keys are gone");
    $nginx->stop;
}

for my $what ('a pipe', 'a directory') {
    $issuer->{introspect} = sub { return { json => { active => JSON::PP::true(), scope => 'system/*.rs', client_id => 'a', exp => time + 300 } } };
    $issuer->serve;
    my $nginx = run('introspection_auth bearer %%PREFIX%%/keys/secret; introspection_cache 1s;', files => { 'keys/secret' => "s3cret\n" })->start;

    is(status_of($nginx, 'opaque'), 200, "secret: $what: good");
    in_its_place($nginx, 'keys/secret', $what, sub {
        is(status_of($nginx, 'another'), 200, "secret: $what: it stays as it was");
        like($nginx->log_since_mark, qr/has changed and cannot be read/, "secret: $what: and the log says so");
    });
    $nginx->stop;
}

# --- a revocation list is read for each connection

{
    my $key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
    spew("$dir/ca.cnf", "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nserial=serial\ndefault_md=sha256\ndefault_crl_days=2\n");
    spew("$dir/index.txt", '');
    spew("$dir/name", "subjectAltName=DNS:localhost\n");
    openssl("req -x509 $key -keyout ca.key -out ca.pem -subj /CN=ca -days 2");
    openssl("req $key -keyout here.key -out here.csr -subj /CN=localhost");
    openssl('x509 -req -in here.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile name -out here.pem');
    openssl('ca -config ca.cnf -cert ca.pem -keyfile ca.key -gencrl -out empty.crl');
    my $port   = free_port();
    my $uri    = "https://localhost:$port";
    my $behind = issuer(metadata => { issuer => $uri, jwks_uri => "$uri/jwks" });
    my $nginx  = nginx(vars => { URI => $uri, TLS => $port, BEHIND => $behind->origin, DIR => "$dir" }, files => { 'keys/crl' => slurp("$dir/empty.crl") }, conf => <<"EOC");
        smart_issuer hospital { uri %%URI%%; audience $audience; refresh 1s 1s; stale 1h; trusted_certificate %%DIR%%/ca.pem; crl %%PREFIX%%/keys/crl; }
        server {
            listen 127.0.0.1:%%PORT%%;
            location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%PORT2%%; }
            location /open { return 204; }
        }
        server { listen 127.0.0.1:%%PORT2%%; default_type application/fhir+json; location / { return 200 '$good'; } }
        server {
            listen 127.0.0.1:%%TLS%% ssl;
            ssl_certificate %%DIR%%/here.pem;
            ssl_certificate_key %%DIR%%/here.key;
            location / { proxy_pass %%BEHIND%%; }
        }
EOC
    my $token = sub { return $behind->token(iss => $uri) };

    is(status_of($nginx, $token->()), 200, 'crl: good') || diag $nginx->log;
    for my $what ('a pipe', 'a directory', 'a link to nothing') {
        in_its_place($nginx, 'keys/crl', $what, sub {
            is(status_of($nginx, $token->()), 200, "crl: $what: what was fetched stays good");
            like($nginx->log_since_mark, qr/no (?:key set|metadata) from .*CRL/, "crl: $what: nothing more is fetched, and the log says why");
        });
        my $before = $behind->gets('jwks');
        ok(wait_until(sub { $behind->gets('jwks') > $before }, 8), "crl: $what: with the file it is fetched again");
    }
}

done_testing();
