// SPDX-License-Identifier: MIT
#include "model/dns_names.hpp"

#include <algorithm>
#include <array>

namespace netlog {
namespace {

constexpr std::array kTypes{DnsCode{1, "A"},      DnsCode{2, "NS"},      DnsCode{5, "CNAME"},
                            DnsCode{6, "SOA"},    DnsCode{12, "PTR"},    DnsCode{15, "MX"},
                            DnsCode{16, "TXT"},   DnsCode{28, "AAAA"},   DnsCode{33, "SRV"},
                            DnsCode{35, "NAPTR"}, DnsCode{39, "DNAME"},  DnsCode{43, "DS"},
                            DnsCode{46, "RRSIG"}, DnsCode{48, "DNSKEY"}, DnsCode{52, "TLSA"},
                            DnsCode{64, "SVCB"},  DnsCode{65, "HTTPS"},  DnsCode{251, "IXFR"},
                            DnsCode{252, "AXFR"}, DnsCode{255, "ANY"},   DnsCode{257, "CAA"}};

constexpr std::array kResponseCodes{DnsCode{0, "NOERROR"},
                                    DnsCode{1, "FORMERR"},
                                    DnsCode{2, "SERVFAIL"},
                                    DnsCode{3, "NXDOMAIN"},
                                    DnsCode{4, "NOTIMP"},
                                    DnsCode{5, "REFUSED"},
                                    DnsCode{6, "YXDOMAIN"},
                                    DnsCode{7, "YXRRSET"},
                                    DnsCode{8, "NXRRSET"},
                                    DnsCode{9, "NOTAUTH"},
                                    DnsCode{10, "NOTZONE"}};

}  // namespace

std::span<const DnsCode> dns_types() {
  return kTypes;
}

std::span<const DnsCode> dns_response_codes() {
  return kResponseCodes;
}

}  // namespace netlog
