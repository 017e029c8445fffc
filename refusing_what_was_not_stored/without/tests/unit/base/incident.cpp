#include "base/incident.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace pgcourier;

BOOST_AUTO_TEST_CASE(an_incident_reaches_who_listens_and_nobody_else) {
    const Incident incident{
        .kind = Incident::Kind::breaker_open, .component = "Worker", .what = "words"};
    std::vector<std::string> heard;
    report_incident(incident);
    {
        const IncidentReceiver receiver{[&](const Incident& i) { heard.push_back(i.what); }};
        report_incident(incident);
    }
    report_incident(incident);
    BOOST_TEST(heard.size() == 1);
}
