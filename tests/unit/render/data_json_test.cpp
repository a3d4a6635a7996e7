// SPDX-License-Identifier: MIT
#include "render/data_json.hpp"

#include "support/catch.hpp"

namespace netlog_tests::render_data_json_test {

using namespace netlog;
using netlog::render::incident_json;
using netlog::render::reports_json;
using netlog::render::script_string;

TEST_CASE("a string in a script ends neither the script nor a line", "[render]") {
  CHECK(script_string("</script><!--") == R"("\u003c/script>\u003c!--")");
  CHECK(script_string("a\u2028b\u2029c") == R"("a\u2028b\u2029c")");
  CHECK(script_string("\u202Egnp.exe") == R"("\u202egnp.exe")");
  CHECK(script_string("\"\\\n") == R"("\"\\\u000a")");
  CHECK(script_string("\xff") == "\"\xEF\xBF\xBD\"");
}

TEST_CASE("tables are columns, texts are words, times are after the base", "[render]") {
  Incident incident;
  incident.host = "<b>";
  incident.completeness.from_ns = 1'000;
  incident.completeness.to_ns = 3'000;
  incident.completeness.recorded_from_ns = 500;
  incident.completeness.recorded_to_ns = 3'000;
  incident.connections = 3;
  incident.bucket_ns = 7;
  incident.tables.push_back(Table{"t",
                                  "Title",
                                  {{"at_ns", "at", Unit::time, Align::left, false},
                                   {"process", "process", Unit::none, Align::left, false},
                                   {"sent", "sent", Unit::bytes, Align::right, false}},
                                  {{std::int64_t{1'500}, "sh", std::int64_t{7}},
                                   {Cell{}, Cell{}, Cell{}},
                                   {std::int64_t{900}, "sh", 0.5}}});
  incident.left_out = {"dwell"};
  const auto json = incident_json(incident);
  CHECK_THAT(json,
             Catch::Matchers::StartsWith(R"({"format":"netlog-page","version":1,"netlog":")"));
  const auto begin = json.find(R"("host":)");
  CHECK(json.substr(begin) ==
        R"("host":"\u003cb>","filters":"","base_ns":"1000","bucket_ns":7,"connections":3,)"
        R"("completeness":{"from_ns":0,"to_ns":2000,"recorded_from_ns":-500,"recorded_to_ns":2000,)"
        R"("kernel_opens":null,"recorded_opens":null,"percent":null,"uncounted_ns":0,"gaps":0,)"
        R"("gaps_ns":0,"gap_reasons":[],"note":""},"tables":[)"
        "\n"
        R"({"name":"t","title":"Title","rows":3,"total":3,"has_more":false,"columns":[)"
        "\n"
        R"({"name":"at_ns","title":"at","unit":"time","values":[500,null,-100]},)"
        "\n"
        R"({"name":"process","title":"process","unit":"","words":["sh"],"values":[0,null,0]},)"
        "\n"
        R"({"name":"sent","title":"sent","unit":"bytes","values":[7,null,0.5]}]}],)"
        R"("left_out":["dwell"]})");
}

TEST_CASE("reports stand in an object of their own", "[render]") {
  Incident incident;
  incident.completeness.from_ns = 1'000;
  incident.reports.push_back(Answer{"closes",
                                    {Table{"closes",
                                           "Closes",
                                           {{"at_ns", "at", Unit::time, Align::left, false}},
                                           {{std::int64_t{1'500}}}}},
                                    {}});
  incident.reports[0].about = "how they end";
  CHECK(reports_json(incident) ==
        R"({"reports":[{"name":"closes","about":"how they end","tables":[)"
        "\n"
        R"({"name":"closes","title":"Closes","rows":1,"total":1,"has_more":false,"columns":[)"
        "\n"
        R"({"name":"at_ns","title":"at","unit":"time","values":[500]}]}]}]})");
}

TEST_CASE("a column with texts and numbers has both as words", "[render]") {
  Incident incident;
  incident.tables.push_back(Table{
      "t", "", {{"c", "c", Unit::none, Align::left, false}}, {{"1"}, {std::int64_t{1}}, {"1"}}});
  CHECK_THAT(incident_json(incident),
             Catch::Matchers::Contains(R"("words":["1",1],"values":[0,1,0]})"));
}

}  // namespace netlog_tests::render_data_json_test
