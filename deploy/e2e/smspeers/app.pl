#!/usr/bin/perl
# An application that uses Net::SMPP. Arguments: host, port, system_id,
# password, transceiver | transmitter | receiver. Commands and events are lines
# of JSON, as in app.js: submit (coding gsm, latin1 or ucs2; how udh8 or
# payload), query, cancel, unbind; bound, resp, answer, deliver, unbound, closed.
use strict;
use warnings;
use Encode;
use Encode::GSM0338;
use IO::Select;
use JSON::PP;
use Net::SMPP;

my ($host, $port, $id, $password, $mode) = @ARGV;
my $json = JSON::PP->new->utf8->canonical;
my %asked;    # sequence number to what its response is told with
my $reference = 0x51;
$| = 1;

sub say_ { print $json->encode({@_}), "\n" }

# An end of a message: type of number, numbering plan, address.
sub end {
    my ($address) = @_;
    return (1, 1, $1) if $address =~ /^\+(\d+)$/;
    return (0, 1, $address) if $address =~ /^\d+$/;
    return (5, 0, $address);
}

sub ends {
    my ($from, $to) = @_;
    my @s = end($from);
    my @d = end($to);
    return (source_addr_ton => $s[0], source_addr_npi => $s[1], source_addr => $s[2],
        dest_addr_ton => $d[0], dest_addr_npi => $d[1], destination_addr => $d[2]);
}

my %alphabets = (gsm => [0, 'gsm0338'], latin1 => [3, 'iso-8859-1'], ucs2 => [8, 'UTF-16BE']);

# segments cuts the text at characters, as text.js does.
sub segments {
    my ($c) = @_;
    my ($coding, $name) = @{ $alphabets{ $c->{coding} || 'gsm' } };
    my $encode = sub { encode($name, $_[0], Encode::FB_CROAK | Encode::LEAVE_SRC) };
    return ({ data_coding => $coding, message_payload => $encode->($c->{text}) }) if ($c->{how} || '') eq 'payload';
    my ($whole, $part) = $name eq 'gsm0338' ? (160, 153) : (140, 134);
    my $all = $encode->($c->{text});
    return ({ data_coding => $coding, short_message => $all }) if length $all <= $whole;
    my @parts = ('');
    for my $char (split //, $c->{text}) {
        my $octets = $encode->($char);
        push @parts, '' if length($parts[-1]) + length($octets) > $part;
        $parts[-1] .= $octets;
    }
    my $ref = ++$reference;
    my $seq = 0;
    return map { { data_coding => $coding, esm_class => 0x40, short_message => pack('C6', 5, 0, 3, $ref, scalar @parts, ++$seq) . $_ } } @parts;
}

my $smpp = Net::SMPP->new_connect($host, port => $port, system_id => $id, password => $password, async => 1, smpp_version => 0x34)
    or die "connecting: $!";
my $bind = "bind_$mode";
$smpp->$bind();

sub submit {
    my ($c) = @_;
    my @all = segments($c);
    my @order = @{ $c->{order} || [ 1 .. @all ] };
    for my $part (@order) {
        my $seq = $smpp->submit_sm(ends($c->{from}, $c->{to}), registered_delivery => $c->{receipt} || 0,
            service_type => $c->{service_type} || '', %{ $all[ $part - 1 ] });
        $asked{$seq} = [ event => 'resp', tag => $c->{tag}, part => $part, parts => scalar @order ];
    }
}

sub command {
    my ($c) = @_;
    my %e = $c->{from} ? ends($c->{from}, $c->{to} || '0') : ();
    if ($c->{do} eq 'submit') { submit($c) }
    elsif ($c->{do} eq 'query') {
        my $seq = $smpp->query_sm(message_id => $c->{id}, map { $_ => $e{$_} } qw(source_addr_ton source_addr_npi source_addr));
        $asked{$seq} = [ event => 'answer', tag => $c->{tag} ];
    }
    elsif ($c->{do} eq 'cancel') {
        my $seq = $smpp->cancel_sm(message_id => $c->{id}, %e);
        $asked{$seq} = [ event => 'answer', tag => $c->{tag} ];
    }
    elsif ($c->{do} eq 'unbind') { $smpp->unbind() }
}

sub deliver {
    my ($p) = @_;
    my $octets = defined $p->{message_payload} ? $p->{message_payload} : $p->{short_message};
    my $plain = $octets;
    $plain = substr($plain, 1 + ord $plain) if $p->{esm_class} & 0x40;
    my ($name) = map { $_->[1] } grep { $_->[0] == ($p->{data_coding} & 0x0F) } values %alphabets;
    my %extra;
    $extra{receipted} = unpack('Z*', $p->{receipted_message_id}) if defined $p->{receipted_message_id};
    $extra{state} = ord $p->{message_state} if defined $p->{message_state};
    say_(event => 'deliver', answered => 0, from => $p->{source_addr}, from_ton => $p->{source_addr_ton} + 0, to => $p->{destination_addr},
        to_ton => $p->{dest_addr_ton} + 0, service_type => $p->{service_type}, esm_class => $p->{esm_class} + 0,
        data_coding => $p->{data_coding} + 0, octets => unpack('H*', $octets), text => $name ? decode($name, $plain) : '',
        payload => defined $p->{message_payload} ? JSON::PP::true : JSON::PP::false, %extra);
    $smpp->deliver_sm_resp(seq => $p->{seq}, message_id => '');
}

sub pdu {
    my ($p) = @_;
    my $name = Net::SMPP::pdu_tab->{ $p->{cmd} }{cmd} || '';
    if ($name eq 'deliver_sm') { deliver($p) }
    elsif ($name eq 'enquire_link') { $smpp->enquire_link_resp(seq => $p->{seq}) }
    elsif ($name eq 'unbind') { $smpp->unbind_resp(seq => $p->{seq}); exit 0 }
    elsif ($name eq 'unbind_resp') { say_(event => 'unbound'); exit 0 }
    elsif ($name =~ /^bind_.*_resp$/) { say_(event => 'bound', status => $p->{status} + 0, as => $p->{system_id}) }
    elsif (my $what = delete $asked{ $p->{seq} }) {
        say_(@$what, status => $p->{status} + 0, id => $p->{message_id} // '', state => ($p->{message_state} // 0) + 0);
    }
}

my $select = IO::Select->new($smpp, \*STDIN);
my $typed = '';
while (1) {
    for my $ready ($select->can_read) {
        if ($ready == $smpp) {
            my $p = $smpp->read_pdu();
            if (!$p) { say_(event => 'closed'); exit 0 }
            pdu($p);
            next;
        }
        sysread(STDIN, $typed, 65536, length $typed) or exit 0;
        command($json->decode($1)) while $typed =~ s/^(.*)\n//;
    }
}
