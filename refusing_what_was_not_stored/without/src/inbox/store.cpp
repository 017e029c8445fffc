#include "inbox/store.hpp"

#include "inbox/batch.hpp"
#include "sql/inbox.hpp"

#include <algorithm>

namespace pgcourier::inbox {
namespace {

std::string_view format_text(twilio::BodyFormat format) {
    return format == twilio::BodyFormat::form ? "form" : "json";
}

}  // namespace

std::vector<std::int64_t> insert_events(pg::Connection& db,
                                        std::span<const NewEvent* const> events) {
    std::vector<std::string_view> keys;
    keys.reserve(events.size());
    for (const NewEvent* event : events) keys.push_back(event->key);
    const std::vector<std::size_t> order = insertion_order(keys);

    const auto column = [&](auto&& value_of) {
        std::vector<std::string_view> values;
        values.reserve(order.size());
        for (const std::size_t index : order) values.push_back(value_of(*events[index]));
        return values;
    };
    using View = std::string_view;
    pg::Params params;
    params.add(column([](const NewEvent& e) { return View{e.key}; }))
        .add(column([](const NewEvent& e) { return twilio::to_text(e.kind); }))
        .add(column([](const NewEvent& e) { return to_text(e.source); }))
        .add(column([](const NewEvent& e) { return format_text(e.format); }))
        .add_bytes(column([](const NewEvent& e) { return View{e.raw}; }))
        .add(column([](const NewEvent& e) { return View{e.query}; }))
        .add(column([](const NewEvent& e) { return View{e.payload_json}; }))
        .add(column([](const NewEvent& e) { return View{e.from}; }))
        .add(column([](const NewEvent& e) { return View{e.to}; }))
        .add(column([](const NewEvent& e) { return View{e.correlation_id.value}; }));
    const pg::Call call{sql::inbox::insert_events, std::move(params)};
    const pg::Rows rows = std::move(db.transact({&call, 1}).front());

    std::vector<Inserted> inserted;
    inserted.reserve(static_cast<std::size_t>(rows.size()));
    for (const pg::Row row : rows) inserted.push_back({row.text(1), row.int64(0)});
    return inserted_ids(keys, order, inserted);
}

std::vector<std::int64_t> insert_missing(pg::Connection& db, std::span<const NewEvent> events) {
    using View = std::string_view;
    const auto column = [&](auto&& value_of) {
        std::vector<View> values;
        values.reserve(events.size());
        for (const NewEvent& event : events) values.push_back(value_of(event));
        return values;
    };
    std::vector<std::optional<std::int64_t>> dates;
    for (const NewEvent& event : events) {
        dates.push_back(event.occurred ? std::optional{std::chrono::milliseconds{
                                             event.occurred->time_since_epoch()}
                                                           .count()}
                                       : std::nullopt);
    }
    pg::Params params;
    params.add(column([](const NewEvent& e) { return View{e.key}; }))
        .add(column([](const NewEvent& e) { return twilio::to_text(e.kind); }))
        .add_bytes(column([](const NewEvent& e) { return View{e.raw}; }))
        .add(column([](const NewEvent& e) { return View{e.payload_json}; }))
        .add(column([](const NewEvent& e) { return View{e.from}; }))
        .add(column([](const NewEvent& e) { return View{e.to}; }))
        .add(column([](const NewEvent& e) { return View{e.correlation_id.value}; }))
        .add(dates);
    const pg::Call call{sql::inbox::insert_missing, std::move(params)};
    const pg::Rows rows = std::move(db.transact({&call, 1}).front());

    std::vector<std::int64_t> ids(events.size());
    for (const pg::Row row : rows) {
        const auto found = std::ranges::find(events, row.text(1), &NewEvent::key);
        ids[static_cast<std::size_t>(found - events.begin())] = row.int64(0);
    }
    return ids;
}

std::vector<Duplicate> find_duplicates(pg::Connection& db,
                                       std::span<const NewEvent* const> events) {
    std::vector<std::string_view> keys;
    std::vector<std::string_view> correlation_ids;
    for (const NewEvent* event : events) {
        keys.push_back(event->key);
        correlation_ids.push_back(event->correlation_id.value);
    }
    const pg::Call call{sql::inbox::ignore_duplicates, pg::Params{keys, correlation_ids}};
    const pg::Rows rows = std::move(db.transact({&call, 1}).front());

    std::vector<Duplicate> duplicates;
    duplicates.reserve(static_cast<std::size_t>(rows.size()));
    for (const pg::Row row : rows) {
        const auto index = static_cast<std::size_t>(row.int64(0));
        CorrelationId first{row.string(2)};
        const bool is_ours = first == events[index]->correlation_id;
        duplicates.push_back({index, {row.int64(1), std::move(first), is_ours}, row.boolean(3)});
    }
    return duplicates;
}

}  // namespace pgcourier::inbox
