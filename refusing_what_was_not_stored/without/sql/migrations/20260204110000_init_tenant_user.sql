-- The shops. SnapSell's migration of this name also made its application's users; pgcourier has no use for them.
CREATE TABLE tenants (
    id         text NOT NULL,
    name       text NOT NULL,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    CONSTRAINT tenants_pkey PRIMARY KEY (id)
);
